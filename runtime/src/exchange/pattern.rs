//! Names with holes: `blocks.{i}.attn.qkv.{p}`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What stands for the variables of a pattern.
pub type Bindings = BTreeMap<String, String>;

/// A name in which some of the parts between dots are variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(String),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let part = |part: &str| match part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) {
            Some(name) if !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_') => {
                Ok(Part::Variable(name.into()))
            }
            None if !part.is_empty() && !part.contains(['{', '}']) => Ok(Part::Text(part.into())),
            _ => Err(format!(
                "`{part}` in `{text}`: a variable is a whole part between dots, as in `a.{{i}}.b`"
            )),
        };
        Ok(Pattern { parts: text.split('.').map(part).collect::<Result<_, _>>()? })
    }

    /// The names of its variables.
    pub fn variables(&self) -> BTreeSet<&str> {
        self.parts
            .iter()
            .filter_map(|part| match part {
                Part::Variable(name) => Some(name.as_str()),
                Part::Text(_) => None,
            })
            .collect()
    }

    /// What the variables stand for in a name, if the pattern is one of it. Variables that are bound already
    /// keep what they stand for.
    pub fn matches(&self, name: &str, bound: &Bindings) -> Option<Bindings> {
        let mut bindings = bound.clone();
        let mut words = name.split('.');
        for part in &self.parts {
            let word = words.next()?;
            match part {
                Part::Text(text) if text == word => {}
                Part::Text(_) => return None,
                Part::Variable(variable) => {
                    let known = bindings.entry(variable.clone()).or_insert_with(|| word.into());
                    if known != word {
                        return None;
                    }
                }
            }
        }
        words.next().is_none().then_some(bindings)
    }

    /// The name that the bindings make of it; nothing if a variable stands for nothing.
    pub fn fill(&self, bindings: &Bindings) -> Option<String> {
        let word = |part: &Part| match part {
            Part::Text(text) => Some(text.clone()),
            Part::Variable(name) => bindings.get(name).cloned(),
        };
        let words: Option<Vec<String>> = self.parts.iter().map(word).collect();
        words.map(|w| w.join("."))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Variable(name) => format!("{{{name}}}"),
        };
        f.write_str(&self.parts.iter().map(word).collect::<Vec<_>>().join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn variables_stand_for_whole_parts() {
        let p = pattern("blocks.{i}.mlp.{p}");
        let bindings = p.matches("blocks.12.mlp.weight", &Bindings::new()).unwrap();
        assert_eq!(bindings["i"], "12");
        assert_eq!(bindings["p"], "weight");
        for other in ["blocks.12.mlp", "blocks.12.mlp.fc1.weight", "block.12.mlp.weight", ""] {
            assert_eq!(p.matches(other, &Bindings::new()), None, "{other}");
        }
        assert_eq!(pattern("h.{p}.{i}").fill(&bindings).unwrap(), "h.weight.12");
        assert_eq!(pattern("h.{j}").fill(&bindings), None);
        assert_eq!(pattern("{a}.{a}").matches("x.y", &Bindings::new()), None);
        assert_eq!(p.to_string(), "blocks.{i}.mlp.{p}");
    }

    #[test]
    fn what_is_no_pattern() {
        for text in ["", "a..b", "a.{}", "a{i}", "a.{i}b", "a.{i j}", ".a"] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }
}
