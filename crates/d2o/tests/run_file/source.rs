//! The types of a run file as their source describes them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use syn::{Attribute, Expr, ExprLit, Fields, GenericArgument, Item, Lit, LitStr, Meta, PathArguments, Token};

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Simple(&'static str),
    List(Box<Kind>),
    Optional(Box<Kind>),
    Named(String),
}

/// A key, or a knob of a variant.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) doc: Vec<String>,
    pub(crate) has_default: bool,
}

/// A choice.
#[derive(Debug)]
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) doc: Vec<String>,
    pub(crate) fields: Vec<Field>,
    /// The value of a variant such as `Alpha(f64)`.
    pub(crate) value: Option<Kind>,
}

/// A struct or an enum that a run file is read into. Documentation comes as paragraphs.
#[derive(Debug)]
pub(crate) enum Type {
    Struct { doc: Vec<String>, fields: Vec<Field> },
    Enum { doc: Vec<String>, tagged: bool, variants: Vec<Variant> },
}

/// All types that can be deserialised, by name.
pub(crate) struct Types(BTreeMap<String, Vec<Type>>);

impl Types {
    /// Reads the sources of all crates below `crates`.
    pub(crate) fn read(crates: &Path) -> Self {
        let mut types = Self(BTreeMap::new());
        for entry in fs::read_dir(crates).unwrap() {
            types.read_dir(&entry.unwrap().path().join("src"));
        }
        types
    }

    /// The one type of this name.
    pub(crate) fn get(&self, name: &str) -> &Type {
        match self.0.get(name).map(Vec::as_slice) {
            Some([only]) => only,
            found => panic!("{} types are called {name}", found.map_or(0, <[Type]>::len)),
        }
    }

    fn read_dir(&mut self, dir: &Path) {
        for entry in fs::read_dir(dir).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.read_dir(&path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let file = syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap();
                file.items.into_iter().for_each(|item| self.add(item));
            }
        }
    }

    fn add(&mut self, item: Item) {
        let (name, kind) = match item {
            Item::Struct(item) if deserialises(&item.attrs) => {
                let doc = doc(&item.attrs);
                (item.ident, Type::Struct { doc, fields: fields(&item.fields) })
            }
            Item::Enum(item) if deserialises(&item.attrs) => {
                let serde = serde(&item.attrs);
                let snake = serde.get("rename_all").is_some_and(|rule| rule == "snake_case");
                let variant = |variant: &syn::Variant| {
                    let name = snake_case(&variant.ident.to_string(), snake);
                    Variant {
                        name: serde_name(&variant.attrs).unwrap_or(name),
                        doc: doc(&variant.attrs),
                        fields: fields(&variant.fields),
                        value: match &variant.fields {
                            Fields::Unnamed(fields) => fields.unnamed.first().map(|field| kind(&field.ty)),
                            _ => None,
                        },
                    }
                };
                let variants = item.variants.iter().map(variant).collect();
                (item.ident, Type::Enum { doc: doc(&item.attrs), tagged: serde.contains_key("tag"), variants })
            }
            _ => return,
        };
        self.0.entry(name.to_string()).or_default().push(kind);
    }
}

/// The named ones.
fn fields(fields: &Fields) -> Vec<Field> {
    let named = fields.iter().filter_map(|field| Some((field, field.ident.as_ref()?.to_string())));
    let field = |(field, name): (&syn::Field, String)| Field {
        name: serde_name(&field.attrs).unwrap_or(name),
        kind: kind(&field.ty),
        doc: doc(&field.attrs),
        has_default: serde(&field.attrs).contains_key("default"),
    };
    named.map(field).collect()
}

fn kind(ty: &syn::Type) -> Kind {
    let syn::Type::Path(path) = ty else { panic!("a run file holds no {ty:?}") };
    let last = path.path.segments.last().unwrap();
    let inner = || match &last.arguments {
        PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
            Some(GenericArgument::Type(inner)) => Box::new(kind(inner)),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    match last.ident.to_string().as_str() {
        "String" => Kind::Simple("text"),
        "PathBuf" => Kind::Simple("path"),
        "usize" | "u64" | "u32" => Kind::Simple("integer"),
        "f64" | "f32" => Kind::Simple("number"),
        "bool" => Kind::Simple("`true` or `false`"),
        "Vec" => Kind::List(inner()),
        "Option" => Kind::Optional(inner()),
        name => Kind::Named(name.to_owned()),
    }
}

/// The documentation comment, a text a paragraph.
fn doc(attributes: &[Attribute]) -> Vec<String> {
    let line = |attribute: &Attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    };
    let lines: Vec<String> = attributes.iter().filter_map(line).collect();
    let paragraphs = lines.split(|line| line.is_empty()).map(|lines| lines.join(" "));
    paragraphs.filter(|paragraph| !paragraph.is_empty()).collect()
}

fn deserialises(attributes: &[Attribute]) -> bool {
    let mut found = false;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("derive")) {
        let _ = attribute.parse_nested_meta(|meta| {
            found |= meta.path.is_ident("Deserialize");
            Ok(())
        });
    }
    found
}

/// The words of `#[serde(…)]`, with their values where they have some.
fn serde(attributes: &[Attribute]) -> BTreeMap<String, String> {
    let mut words = BTreeMap::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        let read = attribute.parse_nested_meta(|meta| {
            let has_value = meta.input.peek(Token![=]);
            let value = if has_value { meta.value()?.parse::<LitStr>()?.value() } else { String::new() };
            words.insert(meta.path.require_ident()?.to_string(), value);
            Ok(())
        });
        read.unwrap();
    }
    words
}

fn serde_name(attributes: &[Attribute]) -> Option<String> {
    serde(attributes).remove("rename")
}

/// `LastLayers` as `last_layers`, or as `lastlayers` where serde is told to write it so.
fn snake_case(name: &str, underscores: bool) -> String {
    let mut text = String::new();
    for (at, letter) in name.char_indices() {
        if underscores && at > 0 && letter.is_uppercase() {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}
