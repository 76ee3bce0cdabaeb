//! The page about the run file.

use std::collections::BTreeSet;

use toml::{Table, Value};

use crate::source::{Field, Kind, Type, Types, Variant};
use crate::wrap::{prose, wrap};

/// Defaults longer than this are shown in the list of all defaults only, characters.
const LONGEST_DEFAULT: usize = 60;

const HEAD: &str = "# The run file

<!-- Written by `cargo xtask docs` from the documentation comments of the schema. Change those. -->

Every key of a run file (TOML): its type or choices, its default, and what it means, with its unit and what zero means.
`d2o train --config FILE` takes such a file; `d2o presets` lists those that ship. A file names only what differs from
the defaults. `--set section.key=value` changes one key and wins over the file. A run writes the configuration that it
resolved to `run.toml` in its directory, and that file can be run again.

Log-probabilities and divergences are in nats, lengths in tokens.
";

/// The page while it is written.
pub(crate) struct Page {
    pub(crate) text: String,
    /// Dotted keys that it describes.
    pub(crate) keys: BTreeSet<String>,
    /// What has no documentation comment.
    pub(crate) undescribed: Vec<String>,
}

impl Page {
    pub(crate) fn new(types: &Types, defaults: &Table) -> Self {
        let mut page = Self { text: HEAD.to_owned(), keys: BTreeSet::new(), undescribed: Vec::new() };
        page.section(types, "", &[], "RunConfig", defaults);
        let all = toml::to_string_pretty(defaults).unwrap();
        page.text.push_str(&format!("\n## All defaults\n\n```toml\n{all}```\n"));
        page
    }

    /// The keys of a section, then the sections in it. `doc` is what its parent says about it.
    fn section(&mut self, types: &Types, name: &str, doc: &[String], of: &str, defaults: &Table) {
        let own = match types.get(of) {
            Type::Struct { doc, .. } | Type::Enum { doc, .. } => doc,
        };
        let heading = if name.is_empty() { "Top level".to_owned() } else { format!("`[{name}]`") };
        self.text.push_str(&format!("\n## {heading}\n\n"));
        if !name.is_empty() {
            self.paragraphs(name, doc);
            self.text.push('\n');
            // The first paragraph of a type says what the parent's comment says.
            own.iter()
                .skip(1)
                .for_each(|paragraph| self.text.push_str(&format!("{}\n\n", wrap(&prose(paragraph), 0, false))));
        }
        match types.get(of) {
            Type::Struct { fields, .. } => self.keys_of(types, name, fields, defaults),
            Type::Enum { variants, .. } => self.kinds(types, name, variants, defaults),
        }
    }

    fn keys_of(&mut self, types: &Types, section: &str, fields: &[Field], defaults: &Table) {
        let mut inner = Vec::new();
        for field in fields {
            let dotted = if section.is_empty() { field.name.clone() } else { format!("{section}.{}", field.name) };
            let (default, kind) = (defaults.get(&field.name), &field.kind);
            if let (Some(Value::Table(table)), Kind::Named(of)) = (default, kind) {
                inner.push((dotted, &field.doc, of, table));
                continue;
            }
            let stands = default.map_or_else(|| "no default".to_owned(), shown);
            self.bullet(0, &dotted, &format!("**`{}`** ({}, {stands})", field.name, type_of(kind)), &field.doc);
            self.choices(types, 1, &dotted, kind);
            self.keys.insert(dotted);
        }
        for (dotted, doc, of, table) in inner {
            self.section(types, &dotted, doc, of, table);
        }
    }

    /// The kinds of a tagged section, each with its knobs.
    fn kinds(&mut self, types: &Types, section: &str, variants: &[Variant], defaults: &Table) {
        let left_out = Value::Table(defaults.clone()).to_string();
        self.text.push_str(&format!("Without this section: `{left_out}`.\n\n"));
        for variant in variants {
            let name = format!("{section} = {}", variant.name);
            self.bullet(0, &name, &format!("**`kind = \"{}\"`**", variant.name), &variant.doc);
            let defaults = with_defaults(section, variant);
            for field in &variant.fields {
                let stands = match (field.has_default, defaults.get(&field.name)) {
                    (true, Some(value)) => shown(value),
                    (true, None) => "no default".to_owned(),
                    (false, _) => "required".to_owned(),
                };
                let label = format!("`{}` ({}, {stands})", field.name, type_of(&field.kind));
                self.bullet(1, &format!("{name}.{}", field.name), &label, &field.doc);
                self.choices(types, 2, &field.name, &field.kind);
            }
        }
    }

    /// The variants of an enum, one a line.
    fn choices(&mut self, types: &Types, depth: usize, key: &str, kind: &Kind) {
        let of = match kind {
            Kind::Named(of) => of,
            Kind::List(inner) | Kind::Optional(inner) => return self.choices(types, depth, key, inner),
            Kind::Simple(_) => return,
        };
        let Type::Enum { tagged: false, variants, .. } = types.get(of) else {
            panic!("`{key}`: {of} is no list of choices");
        };
        for variant in variants {
            let label = match (&variant.value, variant.fields.as_slice()) {
                (Some(value), _) => format!("`{{ {} = {} }}`", variant.name, type_of(value)),
                (None, []) => format!("`{}`", variant.name),
                (None, fields) => {
                    let fields = fields.iter().map(|field| format!("{} = {}", field.name, type_of(&field.kind)));
                    format!("`{{ {} }}`", fields.collect::<Vec<_>>().join(", "))
                }
            };
            self.bullet(depth, &format!("{key} = {}", variant.name), &label, &variant.doc);
        }
    }

    fn bullet(&mut self, depth: usize, name: &str, label: &str, doc: &[String]) {
        if doc.is_empty() {
            self.undescribed.push(name.to_owned());
        }
        let text = format!("- {label}: {}", prose(&doc.join(" ")));
        self.text.push_str(&format!("{}\n", wrap(&text, 2 * depth, true)));
    }

    fn paragraphs(&mut self, name: &str, doc: &[String]) {
        if doc.is_empty() {
            self.undescribed.push(name.to_owned());
        }
        self.text.push_str(&format!("{}\n", wrap(&prose(&doc.join(" ")), 0, false)));
    }
}

/// The default behind its key.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() > LONGEST_DEFAULT { "default below".to_owned() } else { format!("default `{text}`") }
}

fn type_of(kind: &Kind) -> String {
    match kind {
        Kind::Simple(name) => (*name).to_owned(),
        Kind::List(inner) => match &**inner {
            Kind::Named(_) => "list of tables".to_owned(),
            inner => format!("list of {}s", type_of(inner)),
        },
        Kind::Optional(inner) => type_of(inner),
        Kind::Named(_) => "one of those below".to_owned(),
    }
}

/// A kind with everything that it fills in by itself, where 1 stands for what it demands.
fn with_defaults(section: &str, variant: &Variant) -> Table {
    let mut table = Table::from_iter([("kind".to_owned(), Value::String(variant.name.clone()))]);
    for field in variant.fields.iter().filter(|field| !field.has_default) {
        let one = match field.kind {
            Kind::Simple("integer") => Value::Integer(1),
            Kind::Simple("text") => Value::String("text".to_owned()),
            Kind::List(_) => Value::Array(Vec::new()),
            _ => Value::Float(1.0),
        };
        table.insert(field.name.clone(), one);
    }
    let resolved = match section {
        "objective" => Table::try_from(table.try_into::<d2o_objective::ObjectiveConfig>().unwrap()),
        "habit" => Table::try_from(table.try_into::<d2o_eval::HabitConfig>().unwrap()),
        _ => Table::try_from(table.try_into::<d2o_model::Trainable>().unwrap()),
    };
    resolved.unwrap()
}
