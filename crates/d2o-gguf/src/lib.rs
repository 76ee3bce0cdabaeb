//! Reading and writing GGUF files: what is in this file?
