//! Text of documentation comments as wrapped Markdown.

/// Longest line, characters.
const WIDTH: usize = 120;

/// `text` in lines of at most [`WIDTH`] characters behind `indent` spaces, two more in all but the first where `hangs`.
/// Code is not broken.
pub(crate) fn wrap(text: &str, indent: usize, hangs: bool) -> String {
    let margin = |first: bool| " ".repeat(indent + if hangs && !first { 2 } else { 0 });
    let mut lines: Vec<String> = Vec::new();
    for word in words(text) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(margin(lines.is_empty()) + &word),
        }
    }
    lines.join("\n")
}

/// Words, with a code span as one of them.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut in_code = false;
    for word in text.split(' ') {
        match words.last_mut() {
            Some(last) if in_code => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
        in_code ^= word.matches('`').count() % 2 == 1;
    }
    words
}

/// A documentation comment for readers who cannot follow its links, know sections and see defaults elsewhere.
pub(crate) fn prose(doc: &str) -> String {
    without_defaults(&without_links(doc)).replace("`ObjectiveConfig`", "`[objective]`")
}

/// ``[`name`](path)`` and ``[`name`]`` as `` `name` ``, `[text](path)` as `text`.
fn without_links(doc: &str) -> String {
    let (mut text, mut rest) = (String::new(), doc);
    while let Some(open) = rest.find('[') {
        let Some(close) = rest[open..].find(']').map(|at| open + at) else { break };
        let (inner, behind) = (&rest[open + 1..close], &rest[close + 1..]);
        let linked = behind.strip_prefix('(').and_then(|behind| behind.split_once(')'));
        text.push_str(&rest[..open]);
        match linked {
            Some((_, behind)) => {
                text.push_str(inner);
                rest = behind;
            }
            None if inner.starts_with('`') => {
                text.push_str(inner);
                rest = behind;
            }
            None => {
                text.push_str(&rest[open..=close]);
                rest = behind;
            }
        }
    }
    text + rest
}

/// Without sentences such as "Default 0.1.": the value stands beside the key.
fn without_defaults(doc: &str) -> String {
    let mut text = doc.to_owned();
    while let Some(start) = text.find("Default") {
        let end = text[start..].find(". ").map_or(text.len(), |at| start + at + 2);
        text.replace_range(start..end, "");
    }
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_defaults_go() {
        let doc = "Weight of [`Guards`](crate::Guards), as [`loss`] says. Default 0.1. 0: off.";
        assert_eq!(prose(doc), "Weight of `Guards`, as `loss` says. 0: off.");
        assert_eq!(prose("Limit, [0, 1]. Default: 0."), "Limit, [0, 1].");
        assert_eq!(prose("`max(0, −[a − b])`, [KL](x)."), "`max(0, −[a − b])`, KL.");
    }

    #[test]
    fn lines_end_before_the_limit_and_never_inside_code() {
        let text = format!("{} `a + b` {}", "x".repeat(WIDTH - 4), "y".repeat(20));
        let wrapped = wrap(&text, 2, true);
        let lines: Vec<&str> = wrapped.lines().collect();
        assert_eq!(lines, [format!("  {}", "x".repeat(WIDTH - 4)), format!("    `a + b` {}", "y".repeat(20))]);
    }
}
