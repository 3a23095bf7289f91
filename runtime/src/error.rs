//! What can go wrong outside the compiler, each with a stable code and a way out.

use std::path::Path;
use std::{fmt, io};
use thiserror::Error;

/// A problem of a recipe, of data, of a checkpoint, of training or of sampling.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("error[{code}]: {message}\nhelp: {help}")]
pub struct Problem {
    /// Its stable code.
    pub code: Code,
    /// What is wrong, with the values that matter.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl Problem {
    /// A problem with a way out.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>, help: impl Into<String>) -> Self {
        Problem { code, message: message.into(), help: help.into() }
    }

    /// A file that cannot be read or written: `what` is `read the recipe`, `write`, `make the folder` or the like.
    #[must_use]
    pub fn io(what: &str, path: &Path, cause: &io::Error) -> Self {
        let help = if cause.kind() == io::ErrorKind::NotFound {
            missing(path)
        } else if what.starts_with("read") {
            "check the path and the permissions".into()
        } else {
            "check the path, the permissions and the free space".into()
        };
        Problem::new(Code::File, format!("cannot {what} {}: {cause}", path.display()), help)
    }
}

/// Where a path that does not exist may have gone wrong.
fn missing(path: &Path) -> String {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = std::fs::read_dir(folder) else {
        return format!("there is no folder {}", folder.display());
    };
    let mut names: Vec<String> =
        entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    let wanted = path.file_name().unwrap_or_default().to_string_lossy();
    match nearest(&wanted, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {}?", folder.join(near).display()),
        None => format!("nothing in {} has a name like it", folder.display()),
    }
}

impl From<crate::execute::RunError> for Problem {
    fn from(error: crate::execute::RunError) -> Self {
        use crate::execute::RunError;
        match error {
            RunError::Machine { message, help } => Problem::new(Code::Machine, message, help),
            RunError::Fault { message, help } => Problem::new(Code::Fault, message, help),
            other => Problem::new(
                Code::Execution,
                other.to_string(),
                "run again with `--form interpreter` to see whether the program or the compiled form is at fault",
            ),
        }
    }
}

macro_rules! codes {
    ($($name:ident = $text:literal, $what:literal;)*) => {
        /// The stable codes. A code never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $what] $name,)*
        }

        impl Code {
            /// All codes, for `explain`.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// `R0101`.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// One sentence on what the code means.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$name => $what,)* }
            }
        }
    };
}

codes! {
    File = "R0001", "A file or folder cannot be read or written.";
    Execution = "R0002", "A compiled program failed while it ran.";
    Machine = "R0003", "The machine has no C compiler that works or not the instruction set that was asked for, or the compiled kernels cannot be kept.";
    Fault = "R0004", "archc is at fault: what it made of a program is wrong. The command ends with 101.";
    RecipeSyntax = "R0101", "A recipe is not TOML.";
    RecipeKey = "R0102", "A recipe has a key that does not exist.";
    RecipeValue = "R0103", "A value of a recipe has the wrong type or is out of range.";
    RecipeSetting = "R0104", "A `--set` override is not `section.key=value`.";
    DataFormat = "R0201", "A file of data is damaged or has another format than its kind says.";
    DataShape = "R0202", "The data do not fit the model's channels or size.";
    DataLabels = "R0203", "The labels do not fit the images or the model's classes.";
    DataEmpty = "R0204", "There are too few data.";
    Respacing = "R0301", "The sampling steps cannot be spread over the schedule.";
    Schedule = "R0302", "A diffusion schedule has unusable numbers.";
    ModelShape = "R0303", "The model's inputs or outputs do not fit the diffusion process.";
    CheckpointDamaged = "R0401", "A checkpoint is truncated or its bytes changed.";
    CheckpointTensor = "R0402", "A checkpoint lacks a tensor or holds it in another shape.";
    CheckpointVersion = "R0403", "A checkpoint was written by a newer version.";
    CheckpointWrite = "R0404", "A checkpoint could not be written; the previous one is untouched.";
    CheckpointFormat = "R0405", "A file is no checkpoint in a layout that is read.";
    CheckpointUnsafe = "R0406", "A checkpoint asks for more than tensors and plain data. Nothing of it was run.";
    CheckpointPart = "R0407", "A checkpoint has no part of that name.";
    Mapping = "R0408", "A mapping of names is malformed or does not fit the tensors.";
    NotFinite = "R0501", "Training met an infinity or a number that is none.";
    Resume = "R0502", "A run cannot be resumed.";
    Replay = "R0503", "A file of recorded training steps does not fit the model.";
    SampleLabel = "R0601", "A label is out of range.";
    SampleSteps = "R0602", "The number of sampling steps is unusable.";
    SampleGuidance = "R0603", "Guidance is not possible with this model.";
    SampleNoise = "R0604", "A file of noise does not fit the samples.";
    SampleOutput = "R0605", "The output's kind is unknown or cannot hold the samples.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// The nearest of `names` to `given` by edit distance, if any is near enough to be meant.
#[must_use]
pub fn nearest<'a>(given: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|name| (edit_distance(given, name), name))
        .filter(|(distance, name)| *distance <= 1 + given.len().max(name.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Levenshtein's distance over bytes.
fn edit_distance(a: &str, b: &str) -> usize {
    let b = b.as_bytes();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique() {
        let mut seen: Vec<&str> = Code::ALL.iter().map(|c| c.text()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), Code::ALL.len());
    }

    #[test]
    fn a_missing_file_has_its_neighbours_named() {
        let base = tempfile::tempdir().unwrap();
        std::fs::write(base.path().join("recipe.toml"), "").unwrap();
        let help = |name: &str| {
            let path = base.path().join(name);
            Problem::io("read", &path, &std::fs::read(&path).unwrap_err()).help
        };
        assert!(help("recipe.tml").ends_with("recipe.toml?"), "{}", help("recipe.tml"));
        assert!(help("none/recipe.toml").contains("there is no folder"), "{}", help("none/recipe.toml"));
        assert!(help("something.else").starts_with("nothing in "), "{}", help("something.else"));
    }

    #[test]
    fn the_nearest_name_is_offered_only_when_it_is_near() {
        let names = ["learning_rate", "batch", "steps"];
        assert_eq!(nearest("learnig_rate", names), Some("learning_rate"));
        assert_eq!(nearest("stesp", names), Some("steps"));
        assert_eq!(nearest("zzzzzzz", names), None);
        assert_eq!(edit_distance("kitten", "sitting"), 3);
    }
}
