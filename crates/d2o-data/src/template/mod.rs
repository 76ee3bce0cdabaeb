//! Chat templates, rendered as Hugging Face renders them.

mod bounds;
mod calendar;
mod chat_template;
mod jinja;
mod python_json;
mod source;
mod syntax;

pub use chat_template::ChatTemplate;
