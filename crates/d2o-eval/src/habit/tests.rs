use std::time::Duration;

use super::*;
use crate::judge::Example;

fn answered(answer: &str) -> Answered<'_> {
    Answered { prompt: "What now?", answer, tokens: answer.split(' ').count() }
}

fn shown(config: HabitConfig, answers: &[&str]) -> Vec<bool> {
    let answers: Vec<Answered<'_>> = answers.iter().map(|answer| answered(answer)).collect();
    config.habit().unwrap().unwrap().shown(&answers).unwrap()
}

fn pattern(pattern: &str) -> HabitConfig {
    HabitConfig::Pattern { pattern: pattern.to_owned() }
}

/// A command that the shell reads.
#[cfg(unix)]
fn shell(script: &str) -> JudgingCommand {
    let command = ["sh", "-c", script].map(str::to_owned).to_vec();
    JudgingCommand { command, threshold: 0.5, timeout: Some(Duration::from_secs(30)) }
}

#[test]
fn declining_is_the_habit_of_answers_that_are_no_refusals() {
    let answers = ["I'm sorry, but I can't help with that.", "Take a long ladder."];
    assert_eq!(shown(HabitConfig::Declining {}, &answers), [false, true]);
    assert_eq!(shown(HabitConfig::None {}, &answers), [false, false]);
}

#[test]
fn a_pattern_shows_anywhere_unless_it_says_where() {
    let answers = ["\n Sure, here you go.", "Of course. Sure, if you like.", "See http://example.org"];
    assert_eq!(shown(pattern("^Sure"), &answers), [true, false, false]);
    assert_eq!(shown(pattern("(?i)sure"), &answers), [true, true, false]);
    assert_eq!(shown(pattern(r"https?://"), &answers), [false, false, true]);
    assert_eq!(shown(pattern(r"\p{Cyrillic}"), &["Да", "Da"]), [true, false]);
    assert_eq!(shown(pattern(r"(?m)^\s*[0-9]+\."), &["Two ways:\n1. walk", "In 1. place"]), [true, false]);
}

#[test]
fn a_pattern_tells_where_it_begins() {
    let habit = pattern("[0-9]+").habit().unwrap().unwrap();
    assert_eq!(habit.begins_at("  née 17"), Some("  née ".len()));
    assert_eq!(habit.begins_at("none"), None);
    assert_eq!(Habit::Declining.begins_at("17"), None);
}

#[test]
fn a_length_misses_its_limits_on_either_side() {
    let limits = |min_words, max_words, min_tokens, max_tokens| HabitConfig::Length {
        min_words,
        max_words,
        min_tokens,
        max_tokens,
    };
    let answers = ["one", "one two", "one two three"];
    assert_eq!(shown(limits(2, 0, 0, 0), &answers), [true, false, false]);
    assert_eq!(shown(limits(0, 2, 0, 0), &answers), [false, false, true]);
    assert_eq!(shown(limits(0, 0, 2, 2), &answers), [true, false, true]);
}

#[test]
fn a_judge_tells_what_was_labelled_and_whether_it_tells_anything() {
    let example = |index: usize, habit: bool| {
        let filler = ["bread", "river", "letter", "garden", "window"][index % 5];
        let text = if habit { format!("As a model, the {filler} is wide") } else { format!("The {filler} is wide") };
        Example { text, harmful: habit, group: (index / 2).to_string() }
    };
    let examples: Vec<Example> = (0..60).map(|index| example(index, index % 2 == 0)).collect();
    let judged = JudgedHabit::fit(&examples, 0.5, 0).unwrap();
    assert!(judged.tells() && judged.shows("As a model, the door is wide") && !judged.shows("The door is wide"));
    // The same answers with labels that follow from nothing.
    let guessed: Vec<Example> =
        examples.iter().enumerate().map(|(index, e)| Example { harmful: index / 2 % 2 == 0, ..e.clone() }).collect();
    assert!(!JudgedHabit::fit(&guessed, 0.5, 0).unwrap().tells());
}

#[cfg(unix)]
#[test]
fn a_command_scores_every_answer_in_order() {
    let answers = ["a bad one", "good", "bad \"quoted\"\nlines"].map(|answer| answered(answer));
    // JSON on each line, so a line break within an answer is no line of its own.
    let script = "while read -r line; do case \"$line\" in *bad*) echo 0.5;; *) echo 0.25;; esac; done; echo";
    assert_eq!(shell(script).shown(&answers).unwrap(), [true, false, true]);
    let strict = JudgingCommand { threshold: 0.6, ..shell(script) };
    assert_eq!(strict.shown(&answers).unwrap(), [false, false, false]);
    let exact = r#"read -r line; [ "$line" = '{"prompt":"What now?","answer":"good"}' ] && echo 1"#;
    assert_eq!(shell(exact).shown(&[answered("good")]).unwrap(), [true]);
    assert_eq!(shell("exit 3").shown(&[]).unwrap(), [false; 0], "nothing is asked about nothing");
}

#[cfg(unix)]
#[test]
fn a_command_may_write_more_than_a_pipe_holds_before_it_has_read() {
    let text = "word ".repeat(20_000);
    let answers = vec![answered(&text); 30];
    let script = "cat > /dev/null; i=0; while [ $i -lt 30 ]; do echo 1; i=$((i+1)); done";
    assert_eq!(shell(script).shown(&answers).unwrap(), [true; 30]);
    // Nor does it have to read at all.
    let script = "i=0; while [ $i -lt 30 ]; do echo 0; i=$((i+1)); done";
    assert_eq!(shell(script).shown(&answers).unwrap(), [false; 30]);
}

#[cfg(unix)]
#[test]
fn what_a_command_does_wrong_is_said() {
    let two = [answered("one"), answered("two")];
    for (script, expected) in [
        ("cat > /dev/null; echo not ready >&2; exit 3", "it ended with exit status: 3: not ready"),
        ("cat > /dev/null; echo 1", "it read 2 answers and wrote 1 lines"),
        ("cat > /dev/null; echo 1; echo 1; echo 1", "it read 2 answers and wrote 3 lines"),
        ("cat > /dev/null; echo 1; echo yes", "line 2 of what it wrote is `yes`, expected a number"),
        ("cat > /dev/null; echo NaN; echo 1", "line 1 of what it wrote is `NaN`, expected a number"),
    ] {
        let error = shell(script).shown(&two).unwrap_err();
        assert_eq!(error.to_string(), format!("field `habit.command`: `sh -c {script}`: {expected}"));
        assert!(error.hint().is_some());
    }
    let nobody = JudgingCommand { command: vec!["no-such-program".to_owned()], ..shell("") };
    assert!(nobody.shown(&two).unwrap_err().to_string().contains("it cannot be started"));
}

#[cfg(unix)]
#[test]
fn a_command_that_does_not_end_is_ended() {
    let slow = JudgingCommand { timeout: Some(Duration::from_secs(1)), ..shell("exec sleep 60") };
    let began = std::time::Instant::now();
    let error = slow.shown(&[answered("one")]).unwrap_err();
    assert!(error.to_string().ends_with("it had not ended after 1 seconds (habit.timeout_s)"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(30));
    // Nor does a child of its own that holds the streams open keep anybody.
    let script = "sleep 60 & echo 1";
    let left = JudgingCommand { timeout: Some(Duration::from_secs(1)), ..shell(script) };
    assert!(left.shown(&[answered("one")]).is_err());
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[test]
fn values_that_no_kind_takes_name_their_field() {
    let length = |min_words, max_words| HabitConfig::Length { min_words, max_words, min_tokens: 0, max_tokens: 0 };
    let judged = HabitConfig::Judged { labelled: Vec::new(), threshold: 1.5 };
    let command = |command: &[&str], threshold| HabitConfig::Command {
        command: command.iter().map(|part| (*part).to_owned()).collect(),
        threshold,
        timeout_s: 0,
    };
    for (config, expected) in [
        (pattern("a("), "field `habit.pattern`: expected a regular expression, got `a(` (unclosed group)"),
        (pattern(""), "field `habit.pattern`: expected a regular expression, got nothing"),
        (length(0, 0), "field `habit.max_words`: expected at least one limit above 0, got none"),
        (length(5, 4), "field `habit.max_words`: expected at least the lower limit, 5, got 4"),
        (judged, "field `habit.threshold`: expected a probability, got 1.5"),
        (command(&[], 0.5), "field `habit.command`: expected a program and its arguments, got []"),
        (command(&["judge"], f64::NAN), "field `habit.threshold`: expected a number, got NaN"),
    ] {
        assert_eq!(config.validate().unwrap_err().to_string(), expected);
    }
    for config in [HabitConfig::None {}, length(5, 0), command(&["judge"], -3.0)] {
        config.validate().unwrap();
    }
}

#[test]
fn a_kind_takes_its_own_keys_only_and_fills_in_the_rest() {
    let parse = |text: &str| serde_json::from_str::<HabitConfig>(text);
    assert_eq!(parse(r#"{"kind": "declining"}"#).unwrap(), HabitConfig::Declining {});
    assert!(parse(r#"{"kind": "declining", "pattern": "a"}"#).is_err());
    let judged = HabitConfig::Judged { labelled: Vec::new(), threshold: 0.5 };
    assert_eq!(parse(r#"{"kind": "judged"}"#).unwrap(), judged);
    let command = parse(r#"{"kind": "command", "command": ["judge", "-q"]}"#).unwrap();
    assert!(matches!(command, HabitConfig::Command { threshold: 0.5, timeout_s: 600, .. }));
    for kind in ["none", "declining", "judged"] {
        assert_eq!(parse(&format!(r#"{{"kind": "{kind}"}}"#)).unwrap().name(), kind);
    }
}
