//! Makes text that anybody may have written inert.

use std::fmt::Write;

use maud::Render;

/// A text as HTML that shows it and does nothing else, inside an element or a quoted attribute.
///
/// `maud` escapes the characters that HTML gives a meaning. Besides, control characters become their visible pictures,
/// and characters that reorder or hide text around them become their code points.
#[derive(Clone, Copy, Debug)]
pub struct Plain<'a>(
    /// The text.
    pub &'a str,
);

impl Render for Plain<'_> {
    fn render_to(&self, buffer: &mut String) {
        let mut escaped = String::with_capacity(self.0.len() + self.0.len() / 8);
        visible(self.0).as_str().render_to(&mut escaped);
        // The one quote that maud leaves alone, so that the text is inert in attributes of either quotes.
        buffer.push_str(&escaped.replace('\'', "&#39;"));
    }
}

/// [`Plain`] as a string, for markup that is put together by hand.
#[must_use]
pub fn escape(text: &str) -> String {
    Plain(text).render().into_string()
}

/// `text` with pictures for control characters and code points for characters that hide or reorder others.
fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => out.push(character),
            // Unicode keeps pictures of the first 32 control characters in the same order.
            '\0'..='\x1f' => out.push(char::from_u32(0x2400 + character as u32).unwrap_or('\u{fffd}')),
            '\x7f' => out.push('␡'),
            _ if is_hidden(character) => {
                let _ = write!(out, "⟨U+{:04X}⟩", character as u32);
            }
            _ => out.push(character),
        }
    }
    out
}

/// C1 controls, marks that change direction, invisible separators, and tags.
fn is_hidden(character: char) -> bool {
    matches!(character,
        '\u{80}'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{e0000}'..='\u{e007f}')
}

/// The first `limit` characters of `text`, with a mark where it was cut.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{} […]", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_text() {
        assert_eq!(escape("<script>alert('x')</script>"), "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;");
        assert_eq!(escape("\" onload=\"x"), "&quot; onload=&quot;x");
        assert_eq!(escape("&lt;"), "&amp;lt;");
    }

    #[test]
    fn controls_become_visible() {
        assert_eq!(escape("a\0b\x1bc\rd\x7f"), "a␀b␛c␍d␡");
        assert_eq!(escape("line\n\tnext"), "line\n\tnext");
        assert_eq!(escape("\u{85}\u{202e}\u{200b}"), "⟨U+0085⟩⟨U+202E⟩⟨U+200B⟩");
    }

    #[test]
    fn other_scripts_stay() {
        let text = "naïve Grüße 日本語 🙂 עברית";
        assert_eq!(escape(text), text);
    }

    #[test]
    fn nothing_dangerous_is_left_of_any_character() {
        for code in 0..=0x2100_u32 {
            let Some(character) = char::from_u32(code) else {
                continue;
            };
            let escaped = escape(&character.to_string());
            assert!(!escaped.contains(['<', '>', '"', '\'']), "U+{code:04X}");
            assert!(escaped.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'), "U+{code:04X}");
        }
    }

    #[test]
    fn a_cut_falls_between_characters() {
        assert_eq!(cut("äöü", 2), "äö […]");
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(escape(&cut("<<<", 1)), "&lt; […]");
    }
}
