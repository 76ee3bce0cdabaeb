//! Files in GGUF, written by the tests themselves: what is read from sound ones, and what is said about damaged ones.

mod container;
mod damage;
mod open;
mod package;
mod split;
mod vocabulary;
mod written;
