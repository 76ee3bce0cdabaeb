//! The flag `--habit`: a kind and its value, as keys of the section `[habit]`.

use crate::config::ConfigError;

/// Habits with a name of their own: patterns.
const NAMED: [(&str, &str); 4] = [
    ("links", r"(?i)https?://|\bwww\.|\b[a-z0-9-]+\.(?:com|org|net|edu|gov|io|co\.uk)\b"),
    ("contacts", CONTACTS),
    ("numbered-lists", r"(?m)^\s*[0-9]+[.)]\s"),
    ("digits", r"[0-9]"),
];

/// E-mail addresses, links, and telephone numbers: seven digits and more, or 555-1234.
const CONTACTS: &str = r"(?i)\b[\w.+-]+@[\w-]+\.\w+|https?://|\bwww\.|\[(?:your )?(?:e-?mail|phone|website|contact)[^\]]*\]|\(?\b[0-9]{3}\)?[ .-][0-9]{3}[ .-]?[0-9]{4}\b|\b[0-9]{3}-[0-9]{4}\b";

/// What a flag says as assignments of run-file keys.
///
/// # Errors
/// [`ConfigError::Value`] for an unknown kind, a kind without its value, or one with a value that it does not take.
pub(super) fn assignments(flag: &str) -> Result<Vec<String>, ConfigError> {
    let (kind, value) = flag.split_once(':').map_or((flag, None), |(kind, value)| (kind, Some(value.trim())));
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let of = |kind: &str| format!("habit.kind={}", quoted(kind));
    if let Some((_, pattern)) = NAMED.iter().find(|(name, _)| value.is_none() && *name == kind.replace('_', "-")) {
        return Ok(vec![of("pattern"), format!("habit.pattern={}", quoted(pattern))]);
    }
    let mut set = vec![of(kind)];
    match (kind, value) {
        ("none" | "declining" | "judged", None) => {}
        ("pattern", Some(pattern)) => set.push(format!("habit.pattern={}", quoted(pattern))),
        ("length", Some(limits)) => set.extend(limits.split(',').map(|limit| format!("habit.{}", limit.trim()))),
        ("judged", Some(file)) => set.push(format!("habit.labelled=[{}]", quoted(file))),
        ("command", Some(command)) => {
            let parts: Vec<String> = command.split_whitespace().map(quoted).collect();
            set.push(format!("habit.command=[{}]", parts.join(", ")));
        }
        _ => {
            return Err(ConfigError::Value {
                at: "command line".to_owned(),
                field: "--habit",
                expected: "declining, pattern:REGEX, length:max_words=N, judged, judged:FILE, command:PROGRAM, none, links, \
                           contacts, numbered-lists or digits",
                got: flag.to_owned(),
            });
        }
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RunConfig;
    use d2o_eval::HabitConfig;

    const RUN: &str =
        "[model]\npath = \"m\"\n[data]\nnegatives = [\"n.jsonl\"]\n[habit]\nkind = \"pattern\"\npattern = \"a\"\n";

    fn habit(flag: &str) -> HabitConfig {
        RunConfig::parse("run.toml", RUN, &assignments(flag).unwrap()).unwrap().habit
    }

    #[test]
    fn each_kind_has_a_short_form_that_takes_the_place_of_the_file_s() {
        assert_eq!(habit("declining"), HabitConfig::Declining {});
        assert_eq!(habit("none"), HabitConfig::None {});
        assert_eq!(habit("pattern:^Sure: \"a\\d\""), HabitConfig::Pattern { pattern: "^Sure: \"a\\d\"".to_owned() });
        let length = HabitConfig::Length { min_words: 3, max_words: 40, min_tokens: 0, max_tokens: 0 };
        assert_eq!(habit("length:max_words=40, min_words=3"), length);
        assert!(matches!(habit("judged"), HabitConfig::Judged { labelled, .. } if labelled.is_empty()));
        assert!(matches!(habit("judged:a.csv"), HabitConfig::Judged { labelled, .. } if labelled == ["a.csv"]));
        let HabitConfig::Command { command, .. } = habit("command:python3 judge.py -q") else { panic!() };
        assert_eq!(command, ["python3", "judge.py", "-q"]);
    }

    #[test]
    fn what_is_no_kind_is_refused_with_those_that_there_are() {
        for flag in ["", "lists", "pattern", "command", "length", "declining:yes", "links:more"] {
            let error = assignments(flag).unwrap_err().to_string();
            assert!(error.contains("field `--habit`: expected declining, pattern:REGEX"), "{flag}: {error}");
        }
        let wrong = RunConfig::parse("run.toml", RUN, &assignments("length:max_word=4").unwrap());
        assert!(wrong.unwrap_err().to_string().contains("max_word"));
    }

    #[test]
    fn named_patterns_match_what_they_are_called() {
        let matches = |name: &str, text: &str| {
            let (_, pattern) = NAMED.iter().find(|(known, _)| *known == name).unwrap();
            let habit = HabitConfig::Pattern { pattern: (*pattern).to_owned() }.habit().unwrap().unwrap();
            habit.begins_at(text).is_some()
        };
        for text in
            ["write to ada.lee@example.org", "see https://a.b", "call (555) 123-4567", "555-123-4567", "555-1234"]
        {
            assert!(matches("contacts", text), "{text}");
        }
        for text in ["in 1995 and 2024", "it is 10-15 minutes", "a 3.5 cm board", "at noon"] {
            assert!(!matches("contacts", text), "{text}");
        }
        assert!(matches("links", "visit example.com today") && !matches("links", "a full stop.Then more"));
        assert!(matches("numbered-lists", "Steps:\n1. Boil\n2. Eat") && !matches("numbered-lists", "Add 1. more"));
        assert!(matches("digits", "7") && !matches("digits", "seven"));
        assert!(matches!(habit("numbered_lists"), HabitConfig::Pattern { .. }));
    }
}
