//! The commands that work on a run directory.

use std::io::Write;
use std::path::{Path, PathBuf};

use d2o_data::Dataset;
use d2o_fetch::Notice;
use d2o_record::Observers;

use super::cli::{FetchArgs, ReportArgs, RunArgs};
use super::{habit, interrupt, warn};
use crate::config::{RunConfig, presets};
use crate::device;
use crate::error::RunError;
use crate::evaluate::evaluate;
use crate::evaluate::periodic::periodic_evaluation;
use crate::stages::accept::{Purpose, accept};
use crate::stages::run::Run;
use crate::stages::{anchors, prepare, train};
use crate::terminal::{Progress, Understood, tell_reading};

/// `d2o train`: all stages.
///
/// # Errors
/// Whatever a stage refuses.
pub fn train(args: &RunArgs) -> anyhow::Result<()> {
    let mut run = open(args)?;
    let evaluates = !args.no_eval && run.config.eval.measures(&run.config.habit);
    accept(&mut run, Purpose { fresh: args.fresh, trains: true, evaluates })?;
    let store = anchors::anchors(&mut run)?;
    let evaluation = periodic_evaluation(&run)?;
    let model = train::train(&mut run, &store, evaluation)?;
    if evaluates {
        evaluate_model(&mut run, &model)?;
    }
    let path = d2o_report::write(&run.dir)?;
    writeln!(std::io::stderr(), "report: {}", path.display())?;
    Ok(())
}

/// `d2o prepare`: the data and what is odd about it.
///
/// # Errors
/// Data or a model that cannot be read.
pub fn prepare(args: &RunArgs) -> anyhow::Result<()> {
    let config = configuration(args)?;
    let device = device::open(&config.device.backend)?;
    let base = prepare::base(&config, &device)?;
    warn(&base.warnings)?;
    let data = Dataset::load_watched(&prepare::dataset_options(&config)?, &base.encoder, &mut tell_reading)?;
    let mut out = std::io::stdout().lock();
    write!(out, "{}{}", Understood(&data.reading), data.lint)?;
    writeln!(out, "{}", serde_json::to_string_pretty(&data.summary)?)?;
    Ok(())
}

/// `d2o anchors`: the anchor store.
///
/// # Errors
/// Whatever the stage refuses.
pub fn anchors(args: &RunArgs) -> anyhow::Result<()> {
    let mut run = open(args)?;
    accept(&mut run, Purpose { fresh: args.fresh, trains: false, evaluates: false })?;
    anchors::anchors(&mut run)?;
    Ok(())
}

/// `d2o eval`: the trained model of a run directory against its base.
///
/// # Errors
/// A directory without a trained model, and whatever the stage refuses.
pub fn eval(args: &RunArgs) -> anyhow::Result<()> {
    let mut run = open(args)?;
    accept(&mut run, Purpose { fresh: false, trains: false, evaluates: true })?;
    let model = train::output(&run);
    evaluate_model(&mut run, &model)
}

/// `d2o report`: the page.
///
/// # Errors
/// A directory that is not a run.
pub fn report(args: &ReportArgs) -> anyhow::Result<()> {
    let path = d2o_report::write(&args.out)?;
    writeln!(std::io::stdout(), "{}", path.display())?;
    Ok(())
}

/// `d2o fetch`: into the cache, or the list of what can be fetched.
///
/// # Errors
/// An unknown name, a package that cannot be had, a checksum that does not fit.
pub fn fetch(args: &FetchArgs) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let names: Vec<String> = if args.all {
        d2o_fetch::entries().iter().map(|entry| entry.name.clone()).collect()
    } else {
        args.names.clone()
    };
    if names.is_empty() {
        for entry in d2o_fetch::entries() {
            let (package, version, licence) = (&entry.package, &entry.version, &entry.licence);
            writeln!(out, "{}  {}  ({package}=={version}, {licence})", entry.name, entry.about)?;
        }
    }
    for name in names {
        for path in d2o_fetch::fetch_watched(&name, &mut tell)? {
            writeln!(out, "{}", path.display())?;
        }
    }
    Ok(())
}

/// Says on standard error what a fetch does while it takes its time.
fn tell(notice: &Notice) {
    // Nobody is left to tell if this fails.
    let _ = writeln!(std::io::stderr(), "{notice}");
}

/// `d2o presets`: names and what they do.
///
/// # Errors
/// A closed pipe.
pub fn list_presets() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for (name, text) in presets::ALL {
        writeln!(out, "{name}  {}", presets::summary(text))?;
    }
    Ok(())
}

fn evaluate_model(run: &mut Run<'_>, model: &Path) -> anyhow::Result<()> {
    let trained = train::load_trained(run, model)?;
    let print = train::weights_print(model)?;
    let evaluation = evaluate(run, &trained, &print)?;
    write!(std::io::stdout(), "{}", d2o_report::table(&evaluation))?;
    Ok(())
}

fn open(args: &RunArgs) -> anyhow::Result<Run<'static>> {
    let (config, dir) = (configuration(args)?, out(args)?);
    tell_assumed(args, &dir)?;
    device::limit_threads(config.device.threads);
    let observers = Observers::new().with(Progress::stderr());
    prepare::open(&dir, config, observers, interrupt())
}

fn out(args: &RunArgs) -> anyhow::Result<PathBuf> {
    match (&args.out, &args.config) {
        (Some(out), _) => Ok(out.clone()),
        (None, Some(config)) => {
            let stem = Path::new(config).file_stem().unwrap_or_default();
            Ok(Path::new("runs").join(stem))
        }
        (None, None) => Err(RunError::NoOutput.into()),
    }
}

/// The run file with the flags on top. Without a run file, one that stands in the run directory counts, else
/// [`presets::OWN`], or [`presets::OWN_DECLINING`] where that is the habit.
fn configuration(args: &RunArgs) -> anyhow::Result<RunConfig> {
    let mut set = Vec::new();
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    if let Some(model) = &args.model {
        set.push(format!("model.path={}", quoted(model)));
    }
    if let Some(adapter) = &args.adapter {
        set.push(format!("model.adapter={}", quoted(adapter)));
    }
    if !args.negatives.is_empty() {
        let files: Vec<String> = args.negatives.iter().map(|file| quoted(file)).collect();
        set.push(format!("data.negatives=[{}]", files.join(", ")));
    }
    if !args.prompts.is_empty() {
        let prompts: Vec<String> = args.prompts.iter().map(|reference| quoted(reference)).collect();
        set.push(format!("data.prompts=[{}]", prompts.join(", ")));
    }
    if let Some(flag) = &args.habit {
        set.extend(habit::assignments(flag)?);
    }
    if !args.instruction.is_empty() {
        let instructions: Vec<String> =
            args.instruction.iter().map(|text| format!("{{ user = {} }}", quoted(text))).collect();
        set.push(format!("anchors.instructions=[{}]", instructions.join(", ")));
    }
    if args.strict {
        set.push("data.strict=true".to_owned());
    }
    if let Some(backend) = &args.backend {
        set.push(format!("device.backend={}", quoted(backend)));
    }
    if let Some(threads) = args.threads {
        set.push(format!("device.threads={threads}"));
    }
    set.extend(args.set.iter().cloned());
    let kept = args.out.as_ref().map(|out| out.join("run.toml")).filter(|path| path.exists());
    Ok(match (&args.config, kept) {
        (Some(config), _) => RunConfig::read(config, &set)?,
        (None, Some(kept)) => RunConfig::read(&kept.to_string_lossy(), &set)?,
        (None, None) if args.habit.as_deref() == Some("declining") => {
            RunConfig::parse("command line", presets::OWN_DECLINING, &set)?
        }
        (None, None) => RunConfig::parse("command line", presets::OWN, &set)?,
    })
}

/// Says before all else what is assumed where neither a run file nor a flag says what is wrong with the answers.
fn tell_assumed(args: &RunArgs, dir: &Path) -> std::io::Result<()> {
    if args.config.is_some() || args.habit.is_some() || dir.join("run.toml").exists() {
        return Ok(());
    }
    let drawn = match args.instruction.is_empty() {
        true => "to the bare prompts",
        false => "behind your instruction",
    };
    write!(
        std::io::stderr(),
        "nobody said what is wrong with the answers: it is taken to be what tells them from the model's other answers\n\
         anchors: the model's own answers {drawn} that do not show it\n\
         say it with --habit: declining (harmful requests are to be declined), links, contacts, numbered-lists, \
         'pattern:REGEX', length:max_words=N, judged:LABELLED.csv, 'command:PROGRAM'; \
         say what a good answer is with --instruction '… {{prompt}} …'\n"
    )
}
