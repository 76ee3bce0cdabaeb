//! How the rows of a text stand in it, told by its beginning.

use serde::de::IgnoredAny;

/// How rows stand in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One JSON object on each line.
    JsonLines,
    /// JSON objects one after another, each over several lines.
    JsonObjects,
    /// One JSON list of objects.
    JsonList,
    /// One JSON object of which a field, such as `data`, is the list of rows.
    JsonDocument,
    /// A header with the names of columns, and cells with this byte between them.
    Table(u8),
}

/// Fields of a document that hold its rows.
pub(crate) const ROW_LISTS: [&str; 8] =
    ["data", "rows", "records", "examples", "instances", "items", "samples", "train"];

impl Layout {
    /// The layout of a text that begins like this; `head` holds no byte order mark.
    pub(crate) fn of(head: &[u8]) -> Self {
        let text = head.trim_ascii_start();
        match text.first() {
            None => Self::JsonLines,
            Some(b'[') => Self::JsonList,
            Some(b'{') if holds_rows(text) => Self::JsonDocument,
            Some(b'{') if spans_lines(text) => Self::JsonObjects,
            Some(b'{') => Self::JsonLines,
            Some(_) => Self::Table(delimiter(header(text))),
        }
    }
}

/// Whether the first object goes on below its first line, and what follows does not look like a row of its own.
fn spans_lines(text: &[u8]) -> bool {
    let mut lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let (Some(first), Some(second)) = (lines.next(), lines.next()) else { return false };
    let begun = serde_json::from_slice::<IgnoredAny>(first).is_err_and(|error| error.is_eof());
    begun && !second.starts_with(b"{")
}

/// Whether a field of the first object's own is a list of objects that is named as lists of rows are.
fn holds_rows(text: &[u8]) -> bool {
    let (mut depth, mut string, mut escaped) = (0usize, None, false);
    let mut name: Option<&[u8]> = None;
    for (index, &byte) in text.iter().enumerate() {
        if let Some(begin) = string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    string = None;
                    name = (depth == 1).then_some(&text[begin..index]);
                }
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => string = Some(index + 1),
            b'[' if depth == 1 && is_row_list(name) && begins_objects(&text[index + 1..]) => return true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return false;
                }
            }
            b',' => name = None,
            _ => {}
        }
    }
    false
}

fn is_row_list(name: Option<&[u8]>) -> bool {
    name.is_some_and(|name| ROW_LISTS.iter().any(|list| list.as_bytes() == name))
}

fn begins_objects(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"{")
}

/// The first line that is neither blank nor a comment.
fn header(text: &[u8]) -> &[u8] {
    let filled = |line: &&[u8]| !line.trim_ascii().is_empty() && !line.starts_with(b"#");
    text.split(|&byte| byte == b'\n').find(filled).unwrap_or_default()
}

/// What stands between the cells of a header: a comma, a tab or a semicolon, whichever is there most often.
fn delimiter(header: &[u8]) -> u8 {
    let mut quoted = false;
    let mut counts = [(b',', 0), (b'\t', 0), (b';', 0)];
    for &byte in header {
        quoted ^= byte == b'"';
        let count = counts.iter_mut().find(|(delimiter, _)| !quoted && *delimiter == byte);
        count.into_iter().for_each(|(_, count)| *count += 1);
    }
    // Of equal counts the first one stands.
    counts.into_iter().rev().max_by_key(|&(_, count)| count).map_or(b',', |(delimiter, _)| delimiter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_the_layout() {
        let cases: [(&str, Layout); 16] = [
            ("", Layout::JsonLines),
            ("\n {\"prompt\": \"p\"}\n{\"prompt\": \"q\"}", Layout::JsonLines),
            ("{\"prompt\": \"p\"\n{\"prompt\": \"q\"}", Layout::JsonLines),
            ("{\"prompt\": \"p", Layout::JsonLines),
            ("{\n  \"prompt\": \"p\"\n}\n{\n", Layout::JsonObjects),
            ("\n[{\"prompt\"", Layout::JsonList),
            ("{\"data\": [{\"prompt\"", Layout::JsonDocument),
            ("{\"version\": \"1, [\\\"\", \"meta\": {\"data\": [7]}, \"rows\" :\n [\n {", Layout::JsonDocument),
            ("{\"data\": [7]}", Layout::JsonLines),
            ("{\"data\": \"rows\", \"messages\": [{", Layout::JsonLines),
            ("{\"input\": {\"data\": [{}]}}", Layout::JsonLines),
            ("prompt,rejected\n", Layout::Table(b',')),
            ("# made, by, hand\nprompt\trejected\n", Layout::Table(b'\t')),
            ("prompt;\"a,b,c\"\n", Layout::Table(b';')),
            ("prompt\n", Layout::Table(b',')),
            ("\"prompt\",\"rejected\"\n", Layout::Table(b',')),
        ];
        for (text, layout) in cases {
            assert_eq!(Layout::of(text.as_bytes()), layout, "{text}");
        }
    }
}
