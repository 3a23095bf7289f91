//! The keys that a recipe may have, for messages about those that it may not.

use crate::error::{Code, Problem, nearest};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Sections and their keys. A test keeps this list and the types in step.
pub const SECTIONS: [(&str, &[&str]); 5] = [
    ("model", &["file", "item", "preset", "set"]),
    ("data", &["kind", "images", "labels", "holdout", "on_error"]),
    ("diffusion", &["process", "schedule", "timesteps", "predict", "variance", "loss"]),
    (
        "train",
        &[
            "steps",
            "batch",
            "accumulate",
            "learning_rate",
            "warmup",
            "schedule",
            "weight_decay",
            "betas",
            "eps",
            "ema_decay",
            "clip_grad_norm",
            "seed",
            "log_every",
            "sample_every",
            "checkpoint_every",
            "memory",
            "null_label",
        ],
    ),
    (
        "sample",
        &[
            "sampler",
            "steps",
            "eta",
            "clip",
            "guidance_scale",
            "guidance_channels",
            "count",
            "labels",
            "seed",
        ],
    ),
];

/// Checks that every key of a parsed recipe exists. `place` names a byte offset for people.
pub(super) fn check(table: &DeTable<'_>, place: &dyn Fn(usize) -> String) -> Result<(), Problem> {
    for (section, value) in table.iter() {
        let name: &str = section.get_ref();
        let Some((_, keys)) = SECTIONS.iter().find(|s| s.0 == name) else {
            return Err(unknown(name, None, &place(section.span().start)));
        };
        let DeValue::Table(inner) = value.get_ref() else {
            return Err(Problem::new(
                Code::RecipeValue,
                format!("{}: `{name}` is a section, not a value", place(value.span().start)),
                format!("write its keys below a line `[{name}]`"),
            ));
        };
        for key in inner.keys() {
            let key: &Spanned<_> = key;
            let text: &str = key.get_ref();
            if !keys.contains(&text) {
                return Err(unknown(text, Some(name), &place(key.span().start)));
            }
        }
    }
    Ok(())
}

/// The problem of a key that does not exist.
pub(super) fn unknown(key: &str, section: Option<&str>, place: &str) -> Problem {
    let sections = || SECTIONS.iter().map(|s| s.0);
    let keys: Vec<&str> = match section {
        Some(section) => SECTIONS.iter().filter(|s| s.0 == section).flat_map(|s| s.1).copied().collect(),
        None => sections().collect(),
    };
    let elsewhere = SECTIONS.iter().find(|s| s.1.contains(&key)).map(|s| s.0);
    let what = section.map_or_else(|| "a recipe".into(), |s| format!("[{s}]"));
    let help = match (nearest(key, keys.iter().copied()), elsewhere) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, Some(other)) => format!("`{key}` belongs into [{other}]"),
        (None, None) => format!("there are {}; `archc explain R0102` says what they mean", keys.join(", ")),
    };
    Problem::new(Code::RecipeKey, format!("{place}: {what} has no `{key}`"), help)
}
