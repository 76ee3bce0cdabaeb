//! The paper's claims put to the test in the small world: many methods, several seeds, one page.

pub mod cells;
pub mod claims;
mod figure;
pub mod machine;
pub mod outcome;
pub mod page;
mod record;
pub mod run;
pub mod seed;
pub mod spread;
pub mod variance;
