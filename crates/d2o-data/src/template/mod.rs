//! Chat templates, rendered as Hugging Face renders them.

mod calendar;
mod chat_template;
mod python_json;

pub use chat_template::ChatTemplate;
