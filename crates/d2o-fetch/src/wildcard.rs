//! `*` and `?` in file names.

/// Whether `text` holds a character with a meaning of its own.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Whether `name` fits `pattern`, where `*` stands for any run of characters and `?` for one.
///
/// The last `*` seen is the only one that may have to give: any longer match of an earlier one could be
/// had by the later one too.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut read) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while read < name.len() {
        match pattern.get(at) {
            Some('*') => {
                retry = Some((at + 1, read));
                at += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == name[read] => {
                at += 1;
                read += 1;
            }
            _ => match retry {
                Some((after, from)) => {
                    retry = Some((after, from + 1));
                    at = after;
                    read = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|&rest| rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, name) in [
            ("a.csv", "a.csv"),
            ("*.csv", "a.csv"),
            ("*", ""),
            ("a*", "a"),
            ("*a*b", "xaab"),
            ("a?c", "abc"),
            ("*_score.*", "violence_multi_score.csv"),
            ("**", "anything"),
        ] {
            assert!(fits(pattern, name), "{pattern} should fit {name}");
        }
        for (pattern, name) in [("*.csv", "a.csv.gz"), ("a?c", "ac"), ("", "a"), ("a*b", "acbd"), ("?", "")] {
            assert!(!fits(pattern, name), "{pattern} should not fit {name}");
        }
    }

    #[test]
    fn only_stars_and_question_marks_make_a_pattern() {
        assert!(is_pattern("*.csv") && is_pattern("a?"));
        assert!(!is_pattern("a[0].csv"));
    }
}
