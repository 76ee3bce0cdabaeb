//! Templates as Jinja2 reads them, in the engine's own spelling.

/// Line ends as Jinja2 sees them: it turns every one into `\n` before it reads anything.
pub(super) fn with_line_feeds(source: &str) -> String {
    source.replace("\r\n", "\n").replace('\r', "\n")
}

/// The same template for the engine, where that reads something else than Jinja2:
///
/// - tags that mark an answer for training, of which only the scope of variables is left,
/// - escapes in texts,
/// - the line break behind `{% raw %}`, which belongs to the text.
pub(super) fn translated(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(begin) = rest.find('{') {
        let (data, tag) = rest.split_at(begin);
        out.push_str(data);
        rest = match tag.as_bytes().get(1) {
            Some(b'#') => verbatim(&mut out, tag, tag.find("#}").map(|end| end + 2)),
            Some(b'{') => {
                let end = expression_end(tag, "}}");
                literals(&mut out, &tag[..end]);
                &tag[end..]
            }
            Some(b'%') => block(&mut out, tag),
            _ => verbatim(&mut out, tag, Some(1)),
        };
    }
    out.push_str(rest);
    out
}

/// Copies a beginning and gives what is left.
fn verbatim<'s>(out: &mut String, source: &'s str, end: Option<usize>) -> &'s str {
    let (copied, rest) = source.split_at(end.unwrap_or(source.len()));
    out.push_str(copied);
    rest
}

fn block<'s>(out: &mut String, source: &'s str) -> &'s str {
    let (tag, rest) = source.split_at(expression_end(source, "%}"));
    match name(tag) {
        "generation" => out.push_str(&tag.replacen("generation", "with", 1)),
        "endgeneration" => out.push_str(&tag.replacen("endgeneration", "endwith", 1)),
        "raw" => {
            out.push_str(tag);
            if rest.starts_with('\n') && !tag.ends_with("-%}") {
                out.push('\n');
            }
            return verbatim(out, rest, raw_end(rest));
        }
        _ => literals(out, tag),
    }
    rest
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
    let bytes = tag.as_bytes();
    let (mut index, mut depth) = (2, 0_usize);
    while index < bytes.len() {
        match bytes[index] {
            quote @ (b'\'' | b'"') => {
                index = literal_end(tag, index, quote);
                continue;
            }
            _ if depth == 0 && bytes[index..].starts_with(end.as_bytes()) => return index + end.len(),
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        index += 1;
    }
    bytes.len()
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
            ("{% set x = '%}' %}{%generation%}", "{% set x = '%}' %}{%with%}"),
            ("{{ {'a': {}} }}{% generation %}", "{{ {'a': {}} }}{% with %}"),
            ("{", "{"),
            ("{{", "{{"),
            ("{% generation", "{% with"),
        ] {
            assert_eq!(translated(source), expected);
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
            assert_eq!(translated(source), expected);
        }
    }

    #[test]
    fn the_line_break_behind_raw_stays() {
        assert_eq!(translated("{% raw %}\n{{\n{% endraw %}\n"), "{% raw %}\n\n{{\n{% endraw %}\n");
        assert_eq!(translated("{%- raw -%}\n{{{% endraw %}"), "{%- raw -%}\n{{{% endraw %}");
    }
}
