//! What a model reads when somebody asks it something: the framed text and its ids.

use std::io::Write;
use std::path::Path;

use d2o_text::{ChatTemplate, Encoder, Prompt, TextError, TextTokenizer};

/// Prints what the template of a directory makes of a question; without one, of a template and tokenizer made here.
pub(crate) fn main() -> Result<(), TextError> {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let encoder = match arguments.next().filter(|dir| Path::new(dir).join("tokenizer.json").exists()) {
        Some(dir) => {
            let (tokenizer, template) = (TextTokenizer::from_dir(dir.as_ref())?, ChatTemplate::from_dir(dir.as_ref())?);
            let end = tokenizer.eos().unwrap_or_default();
            Encoder::new(tokenizer, template, end)
        }
        None => {
            let tokenizer = TextTokenizer::train(["May I have a cup of tea?"], 280, &["<|end|>", "<|user|>"])?;
            let source = "{% for turn in messages %}<|user|>{{ turn.content }}<|end|>\n{% endfor %}";
            Encoder::new(tokenizer, Some(ChatTemplate::new(source, "", "<|end|>")?), 0)
        }
    };
    let question = arguments.next().unwrap_or_else(|| "May I have a cup of tea?".to_owned());
    let tokens = encoder.tokenize(&Prompt::Text(question), "")?;
    assert_eq!(encoder.tokenizer().decode(&tokens.prompt, false), tokens.prompt_text, "ids say what was framed");
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{}\n{:?}", tokens.prompt_text, tokens.prompt);
    Ok(())
}
