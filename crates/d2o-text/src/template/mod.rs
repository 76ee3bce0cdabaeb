//! Chat templates, rendered as Hugging Face renders them.

mod bounds;
mod calendar;
mod chat_template;
mod jinja;
mod source;
mod syntax;

pub use chat_template::ChatTemplate;
pub(crate) use source::in_dir as source_in_dir;
pub(crate) use syntax::with_line_feeds;
