//! Jinja2 as transformers sets it up: its tests, filters, functions, and Python's ways with texts and values.

mod arguments;
mod filters;
mod generator;
mod globals;
mod methods;
mod python_json;
mod python_text;
mod tests;
mod values;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error};

pub(super) use globals::RAISED;
pub(super) use values::KEPT;

use super::bounds::STEPS;

/// An engine without templates.
pub(super) fn environment() -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(STEPS));
    environment.set_formatter(python_text::print);
    environment.set_unknown_method_callback(methods::call);
    tests::add_tests(&mut environment);
    generator::add_generators(&mut environment);
    filters::add_filters(&mut environment);
    globals::add_globals(&mut environment);
    environment.add_filter(KEPT, values::kept);
    Ok(environment)
}
