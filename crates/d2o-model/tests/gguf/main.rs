//! Files in GGUF, written by the tests themselves: what is read from sound ones, and what is said about
//! damaged ones.

mod container;
mod damage;
mod llama;
mod vocabulary;
mod writer;
