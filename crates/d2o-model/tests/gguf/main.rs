//! Models in GGUF: what is read from files that the tests write themselves, and models written and read back.

mod damage;
mod export;
mod llama;
mod open;
