//! Where the names of another program and ours differ: a text with a line for each of our names that is another
//! there, or is made of several tensors.

use super::Shapes;
use super::pattern::{Bindings, Pattern};
use crate::error::{Code, Problem, nearest};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The mappings that the program carries: name and text.
pub const BUILT_IN: [(&str, &str); 1] =
    [("dit-diffusers", include_str!("../../../models/mappings/dit-diffusers.toml"))];

/// Which tensors of theirs make which of ours. Names that no rule speaks of are the same on both sides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// What messages call it.
    name: String,
    rules: Vec<Rule>,
}

/// A tensor of ours, and the tensors of theirs that it is made of: joined along the first axis in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    ours: Pattern,
    theirs: Vec<Pattern>,
}

/// Where a tensor of ours is among theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// For each tensor that is joined, its names: several are copies of one another.
    Here(Vec<Vec<String>>),
    /// These names would be needed and are not there; none if they do not store it.
    Absent(Vec<String>),
}

/// A tensor of theirs as a part of one of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The name of ours.
    pub ours: String,
    /// Which of how many equal parts along the first axis it is.
    pub part: (usize, usize),
}

/// The right side of a rule.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a name or a list of names is wanted, and names with dots stand in quotes")]
enum Side {
    One(String),
    Several(Vec<String>),
}

impl Mapping {
    /// The mapping of a name that the program carries, or of a file.
    ///
    /// # Errors
    /// If there is neither, or it is malformed.
    pub fn load(given: &str) -> Result<Self, Problem> {
        if let Some((name, text)) = BUILT_IN.iter().find(|(n, _)| *n == given) {
            return Mapping::parse(text, name);
        }
        let path = Path::new(given);
        match std::fs::read_to_string(path) {
            Ok(text) => Mapping::parse(&text, given),
            Err(_) if !path.exists() && path.extension().is_none() => {
                let names: Vec<&str> = BUILT_IN.iter().map(|(n, _)| *n).collect();
                let help = match nearest(given, names.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}; or name a file that ends in `.toml`", names.join(", ")),
                };
                Err(Problem::new(Code::Mapping, format!("there is no mapping `{given}`"), help))
            }
            Err(e) => Err(Problem::io("read the mapping", path, &e)),
        }
    }

    /// Reads a mapping; `name` is what messages call it.
    ///
    /// # Errors
    /// If the text is not TOML, or has a rule that cannot be followed both ways.
    pub fn parse(text: &str, name: &str) -> Result<Self, Problem> {
        let mut mapping = Mapping { name: name.into(), rules: Vec::new() };
        let sides: BTreeMap<String, Side> = toml::from_str(text).map_err(|e| {
            let before = e.span().map_or("", |s| &text[..s.start.min(text.len())]);
            let message = e.message().lines().collect::<Vec<_>>().join(", ");
            mapping.malformed(format!("line {}: {message}", before.matches('\n').count() + 1))
        })?;
        for (ours, side) in sides {
            let theirs = match side {
                Side::One(one) => vec![one],
                Side::Several(several) => several,
            };
            let patterns = theirs.iter().map(|t| Pattern::parse(t)).collect::<Result<_, _>>();
            let rule = Pattern::parse(&ours).and_then(|ours| Ok(Rule { ours, theirs: patterns? }));
            mapping.rules.push(rule.map_err(|e| mapping.malformed(e))?);
        }
        mapping.check_variables()?;
        Ok(mapping)
    }

    fn malformed(&self, why: impl std::fmt::Display) -> Problem {
        Problem::new(
            Code::Mapping,
            format!("{}: {why}", self.name),
            "`archc import --help` shows what a mapping can say",
        )
    }

    /// Every variable of ours must be in theirs, or two of ours would be one of theirs; one that only theirs
    /// has stands for copies, and what it may stand for must be known from another rule.
    fn check_variables(&self) -> Result<(), Problem> {
        for rule in &self.rules {
            let ours = rule.ours.variables();
            for theirs in &rule.theirs {
                let variables = theirs.variables();
                if let Some(lost) = ours.iter().find(|v| !variables.contains(*v)) {
                    return Err(self.malformed(format!("`{}`: `{theirs}` has no {{{lost}}}", rule.ours)));
                }
                let elsewhere = |v: &str| self.rules.iter().any(|r| r.ours.variables().contains(v));
                if let Some(new) = variables.iter().find(|v| !ours.contains(*v) && !elsewhere(v)) {
                    let what = format!("nothing says what {{{new}}} of `{theirs}` stands for");
                    return Err(self.malformed(format!("`{}`: {what}: no name of ours has it", rule.ours)));
                }
            }
        }
        Ok(())
    }

    /// Where a tensor of ours is among theirs.
    ///
    /// # Errors
    /// If two rules speak of it.
    pub(super) fn find(&self, ours: &str, theirs: &Shapes) -> Result<Found, Problem> {
        let Some((rule, bindings)) = self.rule_for(ours)? else {
            let there = theirs.contains_key(ours);
            let name = ours.to_string();
            return Ok(if there { Found::Here(vec![vec![name]]) } else { Found::Absent(vec![name]) });
        };
        let mut parts = Vec::new();
        let mut absent = Vec::new();
        for pattern in &rule.theirs {
            let names: Vec<String> = match pattern.fill(&bindings) {
                Some(name) => theirs.contains_key(&name).then_some(name).into_iter().collect(),
                None => theirs.keys().filter(|n| pattern.matches(n, &bindings).is_some()).cloned().collect(),
            };
            if names.is_empty() {
                absent.push(pattern.fill(&bindings).unwrap_or_else(|| pattern.to_string()));
            }
            parts.push(names);
        }
        Ok(if parts.is_empty() || !absent.is_empty() { Found::Absent(absent) } else { Found::Here(parts) })
    }

    fn rule_for(&self, ours: &str) -> Result<Option<(&Rule, Bindings)>, Problem> {
        let mut found = None;
        for rule in &self.rules {
            let Some(bindings) = rule.ours.matches(ours, &Bindings::new()) else { continue };
            if let Some((other, _)) = found.replace((rule, bindings)) {
                let other: &Rule = other;
                return Err(
                    self.malformed(format!("`{}` and `{}` both speak of `{ours}`", other.ours, rule.ours))
                );
            }
        }
        Ok(found)
    }

    /// All tensors of theirs that tensors of ours make, by name.
    ///
    /// # Errors
    /// If a tensor cannot be cut as a rule says, or two of them would have one name.
    pub(super) fn outgoing(&self, ours: &Shapes) -> Result<BTreeMap<String, Piece>, Problem> {
        let mut pieces: BTreeMap<String, Piece> = BTreeMap::new();
        for (name, shape) in ours {
            let mut named = vec![(name.clone(), (0, 1))];
            if let Some((rule, bindings)) = self.rule_for(name)? {
                let count = rule.theirs.len();
                if count > 1 && !shape.first().is_some_and(|rows| rows.is_multiple_of(count)) {
                    return Err(self.malformed(format!("`{name}` {shape:?} does not divide into {count}")));
                }
                let parts = rule.theirs.iter().enumerate();
                named = parts
                    .flat_map(|(k, pattern)| {
                        let all = self.all_bindings(pattern, &bindings, ours);
                        all.into_iter().filter_map(move |b| Some((pattern.fill(&b)?, (k, count))))
                    })
                    .collect();
            }
            for (theirs, part) in named {
                let piece = Piece { ours: name.clone(), part };
                if let Some(other) = pieces.insert(theirs.clone(), piece) {
                    return Err(
                        self.malformed(format!("`{}` and `{name}` would both be `{theirs}`", other.ours))
                    );
                }
            }
        }
        Ok(pieces)
    }

    /// The bindings with every value of the variables that only theirs has: those that they have in names of
    /// ours, by whatever rule.
    fn all_bindings(&self, pattern: &Pattern, bound: &Bindings, ours: &Shapes) -> Vec<Bindings> {
        let mut all = vec![bound.clone()];
        for variable in pattern.variables().into_iter().filter(|v| !bound.contains_key(*v)) {
            let rules = self.rules.iter().filter(|r| r.ours.variables().contains(variable));
            let mut values: BTreeSet<String> = BTreeSet::new();
            for rule in rules {
                let bindings = ours.keys().filter_map(|n| rule.ours.matches(n, &Bindings::new()));
                values.extend(bindings.filter_map(|b| b.get(variable).cloned()));
            }
            let with = |b: &Bindings, value: &String| {
                let mut b = b.clone();
                b.insert(variable.into(), value.clone());
                b
            };
            all = all.iter().flat_map(|b| values.iter().map(move |v| with(b, v))).collect();
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        table = []
        "emb.{p}" = "layers.{i}.emb.{p}"
        "blocks.{i}.qkv.{p}" = ["layers.{i}.q.{p}", "layers.{i}.k.{p}"]
    "#;

    fn problem(text: &str) -> String {
        let problem = Mapping::parse(text, "m.toml").unwrap_err();
        assert_eq!(problem.code, Code::Mapping);
        problem.message
    }

    fn shapes(names: &[&str]) -> Shapes {
        names.iter().map(|n| ((*n).to_string(), vec![4, 3])).collect()
    }

    #[test]
    fn names_there_and_back() {
        let mapping = Mapping::parse(TEXT, "m").unwrap();
        let ours = shapes(&["emb.w", "blocks.0.qkv.w", "blocks.1.qkv.w", "same", "table"]);
        let pieces = mapping.outgoing(&ours).unwrap();
        let theirs: Vec<&str> = pieces.keys().map(String::as_str).collect();
        let wanted = [
            "layers.0.emb.w",
            "layers.0.k.w",
            "layers.0.q.w",
            "layers.1.emb.w",
            "layers.1.k.w",
            "layers.1.q.w",
            "same",
        ];
        assert_eq!(theirs, wanted);
        assert_eq!(pieces["layers.1.k.w"], Piece { ours: "blocks.1.qkv.w".into(), part: (1, 2) });
        let theirs = shapes(&wanted);
        let here = |parts: &[&[&str]]| {
            Found::Here(parts.iter().map(|names| names.iter().map(|n| (*n).to_string()).collect()).collect())
        };
        let found = |name: &str, theirs: &Shapes| mapping.find(name, theirs).unwrap();
        assert_eq!(found("blocks.1.qkv.w", &theirs), here(&[&["layers.1.q.w"], &["layers.1.k.w"]]));
        assert_eq!(found("emb.w", &theirs), here(&[&["layers.0.emb.w", "layers.1.emb.w"]]));
        assert_eq!(found("same", &theirs), here(&[&["same"]]));
        assert_eq!(found("table", &theirs), Found::Absent(Vec::new()));
        assert_eq!(found("new", &theirs), Found::Absent(vec!["new".into()]));
        assert_eq!(
            found("blocks.1.qkv.w", &shapes(&["layers.1.q.w"])),
            Found::Absent(vec!["layers.1.k.w".into()])
        );
    }

    #[test]
    fn what_is_carried_can_be_read() {
        for (name, text) in BUILT_IN {
            assert!(Mapping::parse(text, name).unwrap().rules.len() > 5, "{name}");
        }
    }

    #[test]
    fn faults_are_named_with_their_place() {
        assert!(problem("a = \"b\"\n\"a\" = \n").starts_with("m.toml: line 2: "));
        assert!(problem("\"a..b\" = \"c\"\n").contains("`a..b`"));
        assert!(problem("a.b = \"c\"\n").contains("in quotes"), "{}", problem("a.b = \"c\"\n"));
        assert!(problem("a = 3\n").contains("list of names"));
        assert!(problem("\"a.{i}\" = \"b\"\n").contains("`b` has no {i}"));
        assert!(problem("a = \"b.{i}\"\n").contains("what {i}"));
        let two = Mapping::parse("\"a.{x}\" = \"b.{x}\"\n\"{x}.w\" = \"c.{x}\"\n", "m").unwrap();
        assert!(two.outgoing(&shapes(&["a.w"])).unwrap_err().message.contains("both speak of `a.w`"));
        let same = Mapping::parse("a = \"b\"\n", "m").unwrap();
        assert!(same.outgoing(&shapes(&["a", "b"])).unwrap_err().message.contains("would both be `b`"));
        let three = Mapping::parse("a = [\"x\", \"y\", \"z\"]\n", "m").unwrap();
        assert!(
            three
                .outgoing(&shapes(&["a"]))
                .unwrap_err()
                .message
                .contains("`a` [4, 3] does not divide into 3")
        );
    }

    #[test]
    fn mappings_are_found_by_name_or_file() {
        assert!(Mapping::load("dit-diffusers").is_ok());
        assert_eq!(Mapping::load("dit-difusers").unwrap_err().help, "did you mean `dit-diffusers`?");
        assert_eq!(Mapping::load("none.toml").unwrap_err().code, Code::File);
    }
}
