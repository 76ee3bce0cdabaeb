//! Files in GGUF, written by the tests themselves: what is read from sound ones, and what is said about
//! damaged ones.

mod container;
mod damage;
mod export;
mod llama;
mod package;
#[path = "../../../../xtask/testing/parity.rs"]
#[allow(dead_code, reason = "each test program uses its own part")]
mod parity;
mod vocabulary;
mod writer;
