//! Templates as Jinja2 reads them, in the engine's own spelling.

use super::jinja::KEPT;
use crate::error::TemplateFault;

/// Line ends as Jinja2 sees them: it turns every one into `\n` before it reads anything.
pub(crate) fn with_line_feeds(source: &str) -> String {
    source.replace("\r\n", "\n").replace('\r', "\n")
}

/// Why a template is not handed to the engine.
#[derive(Debug, PartialEq)]
pub(super) struct Unreadable {
    /// Line inside the template, from 1.
    pub(super) line: usize,
    /// What is wrong there.
    pub(super) reason: String,
    /// What kind of fault it is.
    pub(super) fault: TemplateFault,
}

/// The same template for the engine, where that reads something else than Jinja2:
///
/// - tags that mark an answer for training, of which only the scope of variables is left,
/// - escapes in texts,
/// - the line break behind `{% raw %}`, which belongs to the text,
/// - values that are `set`, which go through the filter [`KEPT`].
///
/// # Errors
/// A comment or raw text without an end; so many parts in a tag, or branches of an `if`, that reading them takes the
/// engine's whole stack.
pub(super) fn translated(source: &str) -> Result<String, Unreadable> {
    let mut out = String::with_capacity(source.len());
    let mut branches = 0;
    let mut rest = source;
    while let Some(begin) = rest.find('{') {
        let (data, tag) = rest.split_at(begin);
        out.push_str(data);
        let refused = |reason: String, fault| {
            let line = source[..source.len() - tag.len()].matches('\n').count() + 1;
            Err(Unreadable { line, reason, fault })
        };
        rest = match tag.as_bytes().get(1) {
            Some(b'#') => match tag.find("#}") {
                Some(end) => verbatim(&mut out, tag, end + 2),
                None => return refused("the comment does not end".to_owned(), TemplateFault::Syntax),
            },
            Some(kind @ (b'{' | b'%')) => {
                let (tag, behind) = tag.split_at(expression_end(tag, if *kind == b'{' { "}}" } else { "%}" }));
                branches = if name(tag).starts_with("elif") { branches + 1 } else { branches };
                branches = if name(tag) == "endif" { 0 } else { branches };
                if parts(tag) > PARTS || branches > BRANCHES {
                    let reason = format!("more than {PARTS} parts in a tag, or {BRANCHES} branches of an if");
                    return refused(reason, TemplateFault::Bound);
                }
                match (kind, name(tag)) {
                    (b'%', "raw") => match raw_end(behind) {
                        Some(end) => {
                            out.push_str(tag);
                            if behind.starts_with('\n') && !tag.ends_with("-%}") {
                                out.push('\n');
                            }
                            verbatim(&mut out, behind, end)
                        }
                        None => return refused("the raw text does not end".to_owned(), TemplateFault::Syntax),
                    },
                    (b'%', name) => {
                        block(&mut out, tag, name);
                        behind
                    }
                    _ => {
                        literals(&mut out, tag);
                        behind
                    }
                }
            }
            _ => verbatim(&mut out, tag, 1),
        };
    }
    out.push_str(rest);
    Ok(out)
}

/// Copies a beginning and gives what is left.
fn verbatim<'s>(out: &mut String, source: &'s str, end: usize) -> &'s str {
    let (copied, rest) = source.split_at(end);
    out.push_str(copied);
    rest
}

fn block(out: &mut String, tag: &str, name: &str) {
    match name {
        "generation" => out.push_str(&tag.replacen("generation", "with", 1)),
        "endgeneration" => out.push_str(&tag.replacen("endgeneration", "endwith", 1)),
        _ => match kept_value(tag, name) {
            Some((target, value, end)) => {
                literals(out, target);
                out.push('(');
                literals(out, value);
                out.push_str(")|");
                out.push_str(KEPT);
                out.push_str(if target.contains('.') { "(true)" } else { "" });
                out.push_str(end);
            }
            None => literals(out, tag),
        },
    }
}

/// The tag `{% set target = value %}` in three: up to the value, the value, its end.
fn kept_value<'t>(tag: &'t str, name: &str) -> Option<(&'t str, &'t str, &'t str)> {
    let set = name.strip_prefix("set").filter(|rest| rest.starts_with(char::is_whitespace));
    set?;
    let end = tag.trim_end_matches("%}").trim_end_matches(['-', '+']).trim_end().len();
    let equals = outside(tag, |bytes, index, depth| {
        let compares = bytes.get(index + 1) == Some(&b'=') || b"=!<>".contains(&bytes[index - 1]);
        depth == 0 && bytes[index] == b'=' && !compares
    })?;
    let value = tag.get(equals + 1..end).filter(|value| !value.trim().is_empty())?;
    Some((&tag[..=equals], value, &tag[end..]))
}

/// Most parts of a tag: words and signs outside of texts.
const PARTS: usize = 1000;

/// Most `elif`s behind one another.
const BRANCHES: usize = 300;

fn parts(tag: &str) -> usize {
    let mut parts = 0;
    let mut in_word = false;
    outside(tag, |bytes, index, _| {
        let is_word = bytes[index].is_ascii_alphanumeric() || bytes[index] == b'_' || !bytes[index].is_ascii();
        parts += usize::from(if is_word { !in_word } else { !bytes[index].is_ascii_whitespace() });
        in_word = is_word;
        false
    });
    parts
}

/// What a tag holds between its ends.
fn name(tag: &str) -> &str {
    tag.trim_matches(|letter: char| "{%}+-".contains(letter) || letter.is_whitespace())
}

/// Where the tag begins that ends raw text.
fn raw_end(text: &str) -> Option<usize> {
    let tags = text.match_indices("{%").map(|(begin, _)| begin);
    let ends = |begin: &usize| {
        let tag = &text[*begin..];
        tag.find("%}").is_some_and(|end| name(&tag[..end + 2]) == "endraw")
    };
    tags.into_iter().find(ends)
}

/// Where a tag ends: behind `end` outside of texts and brackets.
fn expression_end(tag: &str, end: &str) -> usize {
    let ends = |bytes: &[u8], index: usize, depth: usize| depth == 0 && bytes[index..].starts_with(end.as_bytes());
    outside(tag, ends).map_or(tag.len(), |index| index + end.len())
}

/// The first byte outside of texts, and behind the tag's beginning, that is what is looked for; it sees all bytes, the
/// index, and how many brackets are open.
fn outside(tag: &str, mut wanted: impl FnMut(&[u8], usize, usize) -> bool) -> Option<usize> {
    let bytes = tag.as_bytes();
    let (mut index, mut depth) = (2, 0_usize);
    while index < bytes.len() {
        match bytes[index] {
            quote @ (b'\'' | b'"') => {
                index = literal_end(tag, index, quote);
                continue;
            }
            _ if wanted(bytes, index, depth) => return Some(index),
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        index += 1;
    }
    None
}

/// Behind the quote that ends the text that begins at `begin`.
fn literal_end(source: &str, begin: usize, quote: u8) -> usize {
    let bytes = source.as_bytes();
    let mut index = begin + 1;
    while index < bytes.len() && bytes[index] != quote {
        index += if bytes[index] == b'\\' { 2 } else { 1 };
    }
    (index + 1).min(bytes.len())
}

/// A tag with its texts in the engine's spelling.
fn literals(out: &mut String, tag: &str) {
    let mut rest = tag;
    while let Some(begin) = rest.find(['\'', '"']) {
        let end = literal_end(rest, begin, rest.as_bytes()[begin]);
        // A backslash before a letter of several bytes can end in the middle of it.
        let end = (end..=rest.len()).find(|end| rest.is_char_boundary(*end)).unwrap_or(rest.len());
        out.push_str(&rest[..begin]);
        literal(out, &rest[begin..end]);
        rest = &rest[end..];
    }
    out.push_str(rest);
}

/// Escapes that the engine does not know, or reads otherwise, as it does know them.
fn literal(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(begin) = rest.find('\\') {
        out.push_str(&rest[..begin]);
        let escape = &rest[begin + 1..];
        let Some(letter) = escape.chars().next() else { break };
        let mut length = letter.len_utf8();
        match letter {
            '\n' => {}
            'a' => out.push_str("\\x07"),
            'v' => out.push_str("\\x0b"),
            '/' => out.push_str("\\\\/"),
            'U' => {
                let digits = escape.get(1..9);
                match digits.and_then(|digits| char::from_u32(u32::from_str_radix(digits, 16).ok()?)) {
                    Some(named) => {
                        out.push(named);
                        length = 9;
                    }
                    None => out.push_str("\\U"),
                }
            }
            other => out.extend(['\\', other]),
        }
        rest = &escape[length..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_marks_for_training_become_other_tags() {
        for (source, expected) in [
            ("a{% generation %}b{%- endgeneration -%}c", "a{% with %}b{%- endwith -%}c"),
            (
                "{# {% generation %} #}{% raw %}{% generation %}{% endraw %}",
                "{# {% generation %} #}{% raw %}{% generation %}{% endraw %}",
            ),
            ("{{ '{% generation %}' }}", "{{ '{% generation %}' }}"),
            ("{% if x == '%}' %}{%generation%}", "{% if x == '%}' %}{%with%}"),
            ("{{ {'a': {}} }}{% generation %}", "{{ {'a': {}} }}{% with %}"),
            ("{", "{"),
            ("{{", "{{"),
            ("{% generation", "{% with"),
            ("{# {{ #}{{ '#}' }}", "{# {{ #}{{ '#}' }}"),
        ] {
            assert_eq!(translated(source).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn escapes_are_spelled_for_the_engine() {
        for (source, expected) in [
            (r"{{ '\U0001F600' }}", "{{ '\u{1f600}' }}"),
            (r"{{ '\a\v\/' }}", r"{{ '\x07\x0b\\/' }}"),
            ("{{ 'a\\\nb' }}", "{{ 'ab' }}"),
            (r"{{ 'it\'s' ~ '\\a' }}\a", r"{{ 'it\'s' ~ '\\a' }}\a"),
            ("{{ '\\é' }}", "{{ '\\é' }}"),
        ] {
            assert_eq!(translated(source).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn the_line_break_behind_raw_stays() {
        assert_eq!(translated("{% raw %}\n{{\n{% endraw %}\n").as_deref(), Ok("{% raw %}\n\n{{\n{% endraw %}\n"));
        assert_eq!(translated("{%- raw -%}\n{{{% endraw %}").as_deref(), Ok("{%- raw -%}\n{{{% endraw %}"));
    }

    #[test]
    fn values_that_are_set_go_through_the_filter() {
        for (source, expected) in [
            ("{%- set x = 1 -%}", "{%- set x =( 1)|d2o_kept -%}"),
            ("{% set a, b = 1, '=' %}", "{% set a, b =( 1, '=')|d2o_kept %}"),
            (
                "{% set ns.x = a == b if c else {'d': [2]} %}",
                "{% set ns.x =( a == b if c else {'d': [2]})|d2o_kept(true) %}",
            ),
            ("{% set x=y%}", "{% set x=(y)|d2o_kept%}"),
            ("{% set x %}{% set y | replace('=', '') %}", "{% set x %}{% set y | replace('=', '') %}"),
            ("{% settle = 1 %}", "{% settle = 1 %}"),
        ] {
            assert_eq!(translated(source).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_has_no_end_or_too_many_parts_is_refused_with_its_line() {
        let refused = |source: &str| translated(source).map_err(|refused| (refused.line, refused.fault));
        assert_eq!(refused("a\n{# b"), Err((2, TemplateFault::Syntax)));
        assert_eq!(refused("{% raw %}{% end raw %}"), Err((1, TemplateFault::Syntax)));
        assert_eq!(refused(&format!("\n\n{{{{ 1{} }}}}", "+1".repeat(PARTS))), Err((3, TemplateFault::Bound)));
        assert!(refused(&format!("{{{{ '{}' }}}}", "+1".repeat(PARTS))).is_ok(), "a long text is one part");
    }
}
