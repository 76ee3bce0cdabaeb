//! Whole runs of the trainer on a tiny model: what `build` refuses, what each step computes, what is told of it, what ends
//! it, and what is kept.

mod build;
mod checkpoints;
mod damage;
mod evaluation;
mod figures;
mod precision;
mod redraws;
mod reference;
mod stop_rules;
mod tiny;
mod updates;
