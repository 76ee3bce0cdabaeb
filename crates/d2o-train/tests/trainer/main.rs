//! The trainer as a library: what it refuses, what it reads the reference from, and what a kill costs.

mod build;
mod reference;
mod resume;
mod tiny;
