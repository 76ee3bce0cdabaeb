//! What the tests of the workspace share. Not published: published crates name it as a development dependency
//! without a version, which packaging leaves out.

#[cfg(feature = "device")]
pub mod device;
pub mod gguf;
pub mod parity;
#[cfg(feature = "record")]
pub mod run;
