//! The paper's claims put to the test in the small world: many methods, several seeds, one page.

pub mod cells;
pub mod claims;
mod figure;
pub mod outcome;
pub mod page;
pub mod run;
