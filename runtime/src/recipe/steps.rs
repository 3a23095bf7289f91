//! Values of a recipe that are a number or a word.

use crate::diffusion::Respacing;
use crate::error::Problem;
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::{Serialize, Serializer};
use std::fmt;

/// Sampling steps: a number, or a respacing of the public code such as `"ddim20"` or `"4,3,2"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Steps {
    /// That many.
    Number(usize),
    /// As the text says.
    Text(String),
}

impl Steps {
    /// How the timesteps are spread.
    ///
    /// # Errors
    /// If the text is no respacing, or there are no steps.
    pub fn respacing(&self) -> Result<Respacing, Problem> {
        match self {
            Steps::Number(count) => Respacing::parse(&count.to_string()),
            Steps::Text(text) => Respacing::parse(text),
        }
    }
}

impl std::str::FromStr for Steps {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        Respacing::parse(text)?;
        Ok(text.parse().map_or_else(|_| Steps::Text(text.into()), Steps::Number))
    }
}

impl Serialize for Steps {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Steps::Number(count) => serializer.serialize_u64(*count as u64),
            Steps::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Steps {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StepsVisitor;
        impl Visitor<'_> for StepsVisitor {
            type Value = Steps;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of steps, or a text such as \"ddim20\" or \"4,3,2\"")
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Steps, E> {
                match usize::try_from(value) {
                    Ok(count) if count > 0 => Ok(Steps::Number(count)),
                    _ => Err(E::custom(format!("{value} steps; at least 1 is needed"))),
                }
            }
            fn visit_str<E: Error>(self, value: &str) -> Result<Steps, E> {
                value.parse().map_err(|p: Problem| E::custom(p.message))
            }
        }
        deserializer.deserialize_any(StepsVisitor)
    }
}

/// What one sample is drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// A class.
    Class(i32),
    /// No class: what guidance pushes away from.
    Null,
}

/// Which labels samples are drawn for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Labels {
    /// Every class in turn.
    All,
    /// These in turn.
    Some(Vec<Label>),
}

impl std::str::FromStr for Label {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "null" => Ok(Label::Null),
            number => number.parse().map(Label::Class).map_err(|_| {
                format!("`{number}` is no label: a label is a whole number, or `null` for none")
            }),
        }
    }
}

impl std::str::FromStr for Labels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Labels::All);
        }
        text.split(',').map(str::parse).collect::<Result<_, _>>().map(Labels::Some)
    }
}

impl Serialize for Label {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Label::Class(class) => serializer.serialize_i32(*class),
            Label::Null => serializer.serialize_str("null"),
        }
    }
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LabelVisitor;
        impl Visitor<'_> for LabelVisitor {
            type Value = Label;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a label such as 3, or \"null\"")
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Label, E> {
                let class = i32::try_from(value);
                class.map(Label::Class).map_err(|_| E::custom(format!("{value} is no label")))
            }
            fn visit_str<E: Error>(self, value: &str) -> Result<Label, E> {
                value.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(LabelVisitor)
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Labels::All => serializer.serialize_str("all"),
            Labels::Some(labels) => labels.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LabelsVisitor;
        impl<'de> Visitor<'de> for LabelsVisitor {
            type Value = Labels;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"all\", \"null\" or a list of labels such as [0, 1, 2]")
            }
            fn visit_str<E: Error>(self, value: &str) -> Result<Labels, E> {
                value.parse().map_err(E::custom)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Labels, A::Error> {
                let mut labels = Vec::new();
                while let Some(label) = seq.next_element()? {
                    labels.push(label);
                }
                Ok(Labels::Some(labels))
            }
        }
        deserializer.deserialize_any(LabelsVisitor)
    }
}
