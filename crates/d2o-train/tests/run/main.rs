//! Whole runs of the trainer on a tiny model: what each step computes, what is told of it, what ends it, what is kept.

mod checkpoints;
mod evaluation;
mod figures;
mod redraws;
mod stop_rules;
mod tiny;
mod updates;
