//! The paper's claims put to the test in Hearth, the small synthetic world: many methods, several seeds, one page.

pub mod cells;
pub mod claims;
pub mod command;
mod figure;
pub mod machine;
pub mod outcome;
pub mod page;
mod record;
pub mod run;
pub mod seed;
pub mod spread;
pub mod variance;
