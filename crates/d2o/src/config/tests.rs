use d2o_eval::HabitConfig;
use d2o_objective::ObjectiveConfig;
use d2o_sampler::Fallback;

use super::*;

const MINIMAL: &str = "[model]\npath = \"m\"\n[data]\nnegatives = [\"n.jsonl\"]\n";

fn parse(text: &str, assignments: &[&str]) -> Result<RunConfig, ConfigError> {
    let assignments: Vec<String> = assignments.iter().map(|text| (*text).to_owned()).collect();
    RunConfig::parse("run.toml", text, &assignments)
}

fn refusal(text: &str, assignments: &[&str]) -> String {
    let error = parse(text, assignments).unwrap_err();
    format!("{error} | {}", error.hint().unwrap_or_default())
}

#[test]
fn presets_are_valid_and_say_what_they_do() {
    for (name, text) in presets::ALL {
        RunConfig::read(name, &[]).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!presets::summary(text).is_empty(), "{name}");
    }
    assert!(presets::get(presets::DEFAULT).is_some());
    let own = ["model.path=m".to_owned(), "data.negatives=[\"rows.jsonl\"]".to_owned()];
    let any = RunConfig::parse("command line", presets::OWN, &own).unwrap();
    let own = RunConfig::parse("command line", presets::OWN_DECLINING, &own).unwrap();
    let full = RunConfig::read("smollm2-pyrit", &[]).unwrap();
    // One place to change what was found best.
    assert_eq!((own.retain, own.objective, own.guards), (full.retain, full.objective, full.guards));
    assert_eq!((own.anchors, own.data.max_rejected_tokens), (full.anchors, full.data.max_rejected_tokens));
    assert_eq!((own.habit, full.habit), (HabitConfig::Declining {}, HabitConfig::Declining {}));
    // Where nobody says that requests are to be declined, nothing asks the model to.
    assert_eq!(any.habit, HabitConfig::Judged { labelled: Vec::new(), threshold: 0.5 });
    assert!(any.anchors.instructions.is_empty() && any.eval.harmful.is_empty());
    assert!(RunConfig::default().anchors.instructions.is_empty());
}

#[test]
fn a_file_from_before_there_were_habits_means_declining() {
    let habit = |text: &str, set: &[&str]| parse(&format!("{MINIMAL}{text}"), set).unwrap().habit;
    assert_eq!(habit("[anchors]\ndeclining = \"preferred\"\n", &[]), HabitConfig::Declining {});
    assert_eq!(habit("", &["anchors.declining=required"]), HabitConfig::Declining {});
    assert_eq!(habit("", &[]), HabitConfig::None {});
    assert_eq!(habit("[habit]\nkind = \"none\"\n[anchors]\ndeclining = \"any\"\n", &[]), HabitConfig::None {});
}

#[test]
fn what_becomes_of_a_draft_follows_from_the_habit() {
    let unsuited = |set: &[&str]| {
        let config = parse(MINIMAL, set).unwrap();
        config.anchors.check(&config.habit).unsuited
    };
    assert_eq!(unsuited(&[]), Fallback::Keep);
    assert_eq!(unsuited(&["habit.kind=declining"]), Fallback::Keep);
    assert_eq!(unsuited(&["anchors.declining=preferred"]), Fallback::LastResort);
    assert_eq!(unsuited(&["anchors.declining=required"]), Fallback::Reject);
    assert_eq!(unsuited(&["habit.kind=pattern", "habit.pattern=a"]), Fallback::Reject);
    assert_eq!(unsuited(&["habit.kind=judged"]), Fallback::Reject);
}

#[test]
fn a_habit_fits_the_rest_of_the_file() {
    for (assignments, expected) in [
        (&["habit.kind=pattern", "habit.pattern=a("][..], "field `habit.pattern`: expected a regular expression"),
        (&["habit.kind=length"], "field `habit.max_words`: expected at least one limit above 0, got none"),
        (&["habit.kind=shouting"], "unknown variant `shouting`"),
        (&["habit.kind=declining", "habit.pattern=a"], "pattern"),
        (&["data.rejected=own"], "field `data.rejected`: expected \"given\" where habit.kind is \"none\""),
        (&["data.prompts=[\"builtin:retain\"]"], "field `data.prompts`: expected none where habit.kind is \"none\""),
        (&["data.negatives=[]"], "field `data.negatives`: expected at least one file"),
        (
            &["habit.kind=judged", "data.negatives=[]", "data.prompts=[\"builtin:retain\"]"],
            "field `data.negatives`: expected at least one file where habit.kind is \"judged\"",
        ),
        (
            &["habit.kind=declining", "data.prompts=[\"written:many\"]"],
            "field `data.prompts`: expected written:N with N from 1 on, and data.chat = true, got many",
        ),
        (
            &["habit.kind=declining", "data.begin=habit"],
            "field `data.begin`: expected \"answer\" where habit.kind is not",
        ),
        (&["habit.kind=judged", "anchors.declining=required"], "field `anchors.declining`: expected \"any\" where"),
        (
            &["habit.kind=length", "habit.max_tokens=40"],
            "field `habit.max_tokens`: expected below the length at which answers are cut",
        ),
        (&["eval.begun=[5, 0]"], "field `eval.begun`: expected at least 1, got 0"),
    ] {
        let message = refusal(MINIMAL, assignments);
        assert!(message.contains(expected), "{assignments:?}: {message}");
    }
    let prompts = ["habit.kind=pattern", "habit.pattern=a", "data.negatives=[]", "data.prompts=[\"written:9\"]"];
    assert_eq!(parse(MINIMAL, &prompts).unwrap().data.prompts, ["written:9"]);
    let message = refusal(&format!("{MINIMAL}[habit]\nkind = \"pattern\"\npattern = \"(\"\n"), &[]);
    assert!(message.starts_with("run.toml:5: field `habit.pattern`"), "{message}");
}

#[test]
fn a_written_configuration_runs_again() {
    for (name, _) in presets::ALL {
        let config = RunConfig::read(name, &["anchors.k=3".to_owned()]).unwrap();
        let again = RunConfig::parse("run.toml", &config.to_toml().unwrap(), &[]).unwrap();
        assert_eq!(again, config);
        assert_eq!(again.anchors.k, 3);
    }
}

#[test]
fn set_wins_and_bare_words_are_texts() {
    let config = parse(MINIMAL, &["model.path=other", "train.learning_rate=1e-6", "data.chat=false"]).unwrap();
    assert_eq!(config.model.path, "other");
    assert_eq!(config.train.learning_rate, 1e-6);
    assert!(!config.data.chat);
}

#[test]
fn a_new_kind_leaves_no_knobs_of_the_old_one() {
    let text = format!("{MINIMAL}[objective]\nkind = \"d2o\"\nbeta = 0.3\nalpha = 0.02\n");
    let config = parse(&text, &["objective.kind=sft"]).unwrap();
    assert_eq!(config.objective, ObjectiveConfig::Sft {});
    let config = parse(&text, &["objective.kind=dpo", "objective.beta=0.2"]).unwrap();
    assert_eq!(config.objective, ObjectiveConfig::Dpo { beta: 0.2, label_smoothing: 0.0 });
    assert!(refusal(&text, &["objective.gamma=1"]).contains("gamma"));
}

#[test]
fn unknown_keys_come_with_line_and_nearest_key() {
    let text = format!("{MINIMAL}[train]\nlearning_rte = 1.0\n");
    let message = refusal(&text, &[]);
    assert!(message.contains("run.toml:6: unknown key `train.learning_rte`"), "{message}");
    assert!(message.contains("did you mean `train.learning_rate`?"), "{message}");
    let message = refusal(MINIMAL, &["anchors.kk=2"]);
    assert!(message.contains("--set: unknown key `anchors.kk`") && message.contains("`anchors.k`"), "{message}");
    assert!(refusal(MINIMAL, &["anchors.k"]).contains("expected key.path=value"));
}

#[test]
fn values_out_of_range_name_the_field() {
    for (assignment, expected) in [
        ("anchors.k=0", "field `anchors.k`: expected at least 1, got 0"),
        ("data.held_out=1.0", "field `data.held_out`: expected a number from 0 to below 1, got 1"),
        ("train.learning_rate=-1", "field `train.learning_rate`: expected a number above 0, got -1"),
        ("train.max_grad_norm=nan", "field `train.max_grad_norm`: expected a number from 0 on, got NaN"),
        ("train.epochs=0", "field `train.epochs`"),
        ("model.path=\"\"", "field `model.path`"),
        ("data.negatives=[]", "field `data.negatives`"),
        ("anchors.instructions=[{user=\"no place\"}]", "field `anchors.instructions`"),
        ("anchors.sampler.top_p=2.0", "field `anchors.sampler`"),
        ("objective.beta=-0.5", "[objective]"),
        ("stop.min_harm_drop=0.02", "field `eval.look_every`: expected above 0 where stop.min_harm_drop is on, got 0"),
        ("stop.patience=0", "field `stop.patience`"),
    ] {
        let message = refusal(MINIMAL, &[assignment]);
        assert!(message.contains(expected), "{assignment}: {message}");
    }
}

#[test]
fn what_asks_for_an_instruction_needs_drawn_anchors_behind_one() {
    let free = "stop.max_anchor_kl=0.0";
    for key in ["anchors.reference", "anchors.rejected_reference"] {
        let (instructed, with) =
            (format!("{key}=instructed"), "anchors.instructions=[{ user = \"Kindly: {prompt}\" }]");
        assert!(parse(MINIMAL, &[&instructed, free, with]).is_ok());
        for without in [&["anchors.instructions=[]"][..], &[with, "anchors.source=chosen"]] {
            let message = refusal(MINIMAL, &[&[instructed.as_str(), free], without].concat());
            assert!(message.contains(&format!("--set: field `{key}`: expected \"bare\" where no anchor")), "{message}");
        }
    }
    let instruction = "anchors.instructions=[{ user = \"{prompt}\" }]";
    let message = refusal(MINIMAL, &[instruction, "anchors.reference=instructed"]);
    assert!(message.contains("field `stop.max_anchor_kl`: expected 0 where anchors.reference"), "{message}");
    let message = refusal(MINIMAL, &["anchors.refresh_every=2", "anchors.source=chosen"]);
    assert!(message.contains("field `anchors.refresh_every`: expected 0 where anchors.source"), "{message}");
    let config = parse(MINIMAL, &["anchors.refresh_every=2", "anchors.refresh_after=7"]).unwrap();
    assert_eq!((config.anchors.refresh_every, config.anchors.refresh_after), (2, 7));
}

#[test]
fn values_out_of_range_name_the_line_or_the_flag() {
    let text = format!("{MINIMAL}[anchors]\nk = 0\n");
    assert!(refusal(&text, &[]).starts_with("run.toml:6: field `anchors.k`: expected at least 1, got 0"));
    assert!(refusal(&text, &["anchors.k=2", "anchors.batch=0"]).starts_with("--set: field `anchors.batch`"));
    assert!(refusal("", &["model.path=m"]).starts_with("run.toml: field `data.negatives`"));
    let text = format!("{MINIMAL}[objective]\nkind = \"dpo\"\nbeta = -1.0\n");
    assert!(refusal(&text, &[]).starts_with("run.toml:5: [objective]: field `beta`"));
}

#[test]
fn a_wrong_type_names_the_line_or_the_flag() {
    let text = format!("{MINIMAL}[train]\nepochs = \"three\"\n");
    let message = refusal(&text, &[]);
    assert!(message.starts_with("run.toml:6: invalid type: string \"three\""), "{message}");
    // The same value is wrong in an assignment, and right ones beside it are not blamed.
    let message = refusal(MINIMAL, &["seed=3", "train.epochs=three", "anchors.k=3"]);
    assert!(message.starts_with("--set train.epochs=three: invalid type: string \"three\""), "{message}");
    // An assignment may put the file's mistake right.
    assert_eq!(parse(&text, &["train.epochs=3"]).unwrap().train.epochs, 3);
    assert!(refusal("[model\n", &[]).starts_with("run.toml:1: "));
}

#[test]
fn kinds_apply_before_their_knobs() {
    let config =
        parse(MINIMAL, &["train.parameters.rank=4", "train.parameters.alpha=8.0", "train.parameters.kind=lora"]);
    let table = toml::Table::try_from(config.unwrap().train.parameters).unwrap();
    assert_eq!(table["kind"].as_str(), Some("lora"));
    assert_eq!(table["rank"].as_integer(), Some(4));
}

#[test]
fn a_knob_of_an_unwritten_kind_changes_the_default() {
    let config = parse(MINIMAL, &["objective.beta=0.5", "train.parameters.layers=2"]).unwrap();
    assert_eq!(config.objective, ObjectiveConfig::D2o { beta: 0.5, alpha: 0.1 });
    assert_eq!(toml::Table::try_from(config.train.parameters).unwrap()["layers"].as_integer(), Some(2));
}

#[test]
fn the_objective_has_one_default() {
    // The paper's α = β = 0.1, whether the section is left out, empty but for its kind, or only half written.
    let expected = ObjectiveConfig::D2o { beta: 0.1, alpha: 0.1 };
    assert_eq!(ObjectiveConfig::default(), expected);
    for section in ["", "[objective]\nkind = \"d2o\"\n", "[objective]\nkind = \"d2o\"\nbeta = 0.1\n"] {
        let config = parse(&format!("{MINIMAL}{section}"), &[]).unwrap();
        assert_eq!(config.objective, expected, "{section}");
    }
}

#[test]
fn every_written_key_is_known() {
    // Otherwise the run.toml of one run could not start the next one.
    let config = parse(MINIMAL, &["anchors.store=elsewhere"]).unwrap();
    assert_eq!(parse(&config.to_toml().unwrap(), &[]).unwrap(), config);
    let config = parse(MINIMAL, &["model.adapter=elsewhere"]).unwrap();
    assert_eq!(config.model.adapter.as_deref(), Some(std::path::Path::new("elsewhere")));
    let config = parse(MINIMAL, &["anchors.instructions=[]"]).unwrap();
    assert_eq!(parse(&config.to_toml().unwrap(), &[]).unwrap().anchors.instructions, []);
}

#[test]
fn keys_in_the_wrong_section_find_the_right_one() {
    assert!(refusal("learning_rate = 1.0\n", &[]).contains("did you mean `train.learning_rate`?"));
    let message = refusal("[trian]\nsteps = 1\n", &[]);
    assert!(message.starts_with("run.toml:1: unknown key `trian`") && message.contains("`train`"), "{message}");
    assert!(refusal("model = \"m\"\n", &[]).contains("unknown key `model` | did you mean `model.path`?"));
    assert!(refusal(MINIMAL, &["objectives.beta=1"]).contains("unknown key `objectives.beta`"));
    assert!(!refusal(MINIMAL, &["zzz=1"]).contains("did you mean"));
}

#[test]
fn a_value_is_one_value() {
    // Read as TOML, this would smuggle a second key in.
    let config = parse(MINIMAL, &["model.path=1\nseed = 5"]).unwrap();
    assert_eq!(config.model.path, "1\nseed = 5");
    assert_eq!(config.seed, RunConfig::default().seed);
}

#[test]
fn names_that_are_nothing_point_to_the_presets() {
    let error = RunConfig::read("no-such-preset", &[]).unwrap_err();
    assert!(error.hint().unwrap().contains("d2o presets"));
}

#[test]
fn the_harmful_set_is_named_after_its_source() {
    let name = |harmful: &str| EvalSection { harmful: harmful.to_owned(), ..EvalSection::default() }.harmful_name();
    assert_eq!(name("fetch:advbench"), "advbench");
    assert_eq!(name("data/my_prompts.jsonl"), "my_prompts");
}
