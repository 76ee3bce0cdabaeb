#![doc = include_str!("../README.md")]

pub mod commands;
pub mod config;
pub mod device;
pub mod error;
pub mod evaluate;
pub mod pretrain;
pub mod stages;
pub mod terminal;
