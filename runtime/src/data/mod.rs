//! Data for training: images or latents with labels, held in memory as they were stored.

mod folder;
mod idx;
mod numpy;
mod split;

pub use split::Split;

use crate::error::{Code, Problem};
use crate::recipe::{DataKind, DataRecipe};

/// The stored numbers of all samples, `[samples, channels, height, width]`.
#[derive(Clone, Debug, PartialEq)]
pub enum Pixels {
    /// Grey levels 0 to 255; the model sees them scaled to [-1, 1].
    Bytes(Vec<u8>),
    /// Floats; the model sees them as they are.
    Floats(Vec<f32>),
}

/// A set of samples of one size.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// The numbers.
    pub pixels: Pixels,
    /// Channels of a sample.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// A label per sample, if there are labels.
    pub labels: Option<Vec<i32>>,
    /// The names of the classes, where folders name them.
    pub classes: Vec<String>,
    /// Files that were left out, with the reason.
    pub skipped: Vec<String>,
}

/// What a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Channels.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Labels go from 0 to below this; `None` if the model takes no labels.
    pub classes: Option<usize>,
}

/// Opens the data of a recipe and checks them against the model.
///
/// # Errors
/// If they cannot be read, are damaged, or do not fit the model.
pub fn open(recipe: &DataRecipe, wanted: Wanted) -> Result<Dataset, Problem> {
    check_kind(recipe)?;
    let dataset = match recipe.kind {
        DataKind::Idx => idx::open(&recipe.images, recipe.labels.as_deref()),
        DataKind::Folder => folder::open(&recipe.images, wanted, recipe.on_error),
        DataKind::Npz => numpy::open_npz(&recipe.images),
        DataKind::Npy => numpy::open_npy(&recipe.images, recipe.labels.as_deref()),
    }?;
    dataset.check(wanted)?;
    Ok(dataset)
}

/// A folder where a file is meant, or the other way round, is a wrong `kind`.
fn check_kind(recipe: &DataRecipe) -> Result<(), Problem> {
    let folder = recipe.kind == DataKind::Folder;
    let wrong = |what: &str, help: &str| {
        let text = format!("{} is {what}", recipe.images.display());
        Err(Problem::new(Code::DataFormat, text, help))
    };
    if folder && recipe.images.is_file() {
        return wrong(
            "a file, but `data.kind` is \"folder\"",
            "name a folder with a subfolder of images for each class, or another kind: idx, npz, npy",
        );
    }
    if !folder && recipe.images.is_dir() {
        return wrong(
            "a folder, but `data.kind` says that it is a file",
            "name the file in it, or set `data.kind = \"folder\"` for .png and .jpg files",
        );
    }
    Ok(())
}

impl Dataset {
    /// How many samples.
    #[must_use]
    pub fn len(&self) -> usize {
        let stored = match &self.pixels {
            Pixels::Bytes(bytes) => bytes.len(),
            Pixels::Floats(floats) => floats.len(),
        };
        stored / self.sample_len().max(1)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Elements of a sample.
    #[must_use]
    pub fn sample_len(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Fills a sample in the model's range.
    ///
    /// # Panics
    /// If there is no such sample or `into` has another length.
    pub fn read(&self, sample: usize, into: &mut [f32]) {
        let range = sample * self.sample_len()..(sample + 1) * self.sample_len();
        match &self.pixels {
            Pixels::Bytes(bytes) => {
                for (out, byte) in into.iter_mut().zip(&bytes[range]) {
                    *out = from_byte(*byte);
                }
            }
            Pixels::Floats(floats) => into.copy_from_slice(&floats[range]),
        }
    }

    /// The label of a sample; 0 if there are no labels.
    #[must_use]
    pub fn label(&self, sample: usize) -> i32 {
        self.labels.as_ref().map_or(0, |l| l[sample])
    }

    /// Checks sizes and labels against a model.
    ///
    /// # Errors
    /// If they do not fit.
    pub fn check(&self, wanted: Wanted) -> Result<(), Problem> {
        let has = (self.channels, self.height, self.width);
        if has != (wanted.channels, wanted.height, wanted.width) {
            let sizes = |(channels, height, width): (usize, usize, usize)| {
                let s = if channels == 1 { "" } else { "s" };
                format!("{channels} channel{s} of {height} x {width}")
            };
            return Err(Problem::new(
                Code::DataShape,
                format!(
                    "the data have {}, but the model takes {}",
                    sizes(has),
                    sizes((wanted.channels, wanted.height, wanted.width))
                ),
                format!(
                    "set the model's sizes in the recipe, in the zoo `set = {{ in_channels = {}, input_size = {} }}`",
                    has.0, has.1
                ),
            ));
        }
        if self.is_empty() {
            return Err(Problem::new(Code::DataEmpty, "there are no samples", "check `data.images`"));
        }
        match (&self.labels, wanted.classes) {
            (Some(labels), Some(classes)) => {
                let outside = labels.iter().position(|l| *l < 0 || *l as usize >= classes);
                outside.map_or(Ok(()), |at| {
                    Err(Problem::new(
                        Code::DataLabels,
                        format!(
                            "sample {at} has the label {}, but the model has {classes} classes",
                            labels[at]
                        ),
                        "raise `num_classes` in `model.set`, or check the labels",
                    ))
                })
            }
            (None, Some(_)) => Err(Problem::new(
                Code::DataLabels,
                "the model takes labels, but the data have none",
                "name a file in `data.labels`, or use one folder per class",
            )),
            (_, None) => Ok(()),
        }
    }
}

/// A grey level in the model's range: 0 is -1, 255 is 1.
#[must_use]
pub fn from_byte(byte: u8) -> f32 {
    f32::from(byte) / 127.5 - 1.0
}

/// The nearest grey level; what is beyond the range is clipped.
#[must_use]
pub fn to_byte(value: f32) -> u8 {
    ((value + 1.0) * 127.5).round().clamp(0.0, 255.0) as u8
}

/// A file that is not what its kind says.
fn damaged(path: &std::path::Path, why: impl std::fmt::Display) -> Problem {
    Problem::new(
        Code::DataFormat,
        format!("{}: {why}", path.display()),
        "check that the file is complete and that `data.kind` is right",
    )
}

/// Checks that there are as many labels as images.
fn check_count(images: usize, labels: Option<&Vec<i32>>, path: &std::path::Path) -> Result<(), Problem> {
    match labels {
        Some(labels) if labels.len() != images => Err(Problem::new(
            Code::DataLabels,
            format!("{}: {images} images, but {} labels", path.display(), labels.len()),
            "images and labels must come from the same set",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_go_to_the_models_range_and_back() {
        assert_eq!((from_byte(0), from_byte(255)), (-1.0, 1.0));
        assert!((0..=255).all(|b| to_byte(from_byte(b)) == b));
        assert_eq!((to_byte(-7.0), to_byte(7.0), to_byte(f32::NAN)), (0, 255, 0));
    }

    #[test]
    fn what_does_not_fit_the_model_is_said_with_numbers() {
        let dataset = Dataset {
            pixels: Pixels::Bytes(vec![0; 8]),
            channels: 1,
            height: 2,
            width: 2,
            labels: Some(vec![0, 3]),
            classes: Vec::new(),
            skipped: Vec::new(),
        };
        let wanted = Wanted { channels: 1, height: 2, width: 2, classes: Some(3) };
        let p = dataset.check(wanted).unwrap_err();
        assert_eq!(p.code, Code::DataLabels);
        assert!(p.message.contains("sample 1 has the label 3") && p.message.contains("3 classes"), "{p}");
        assert!(dataset.check(Wanted { classes: Some(4), ..wanted }).is_ok());
        assert_eq!(dataset.check(Wanted { channels: 3, ..wanted }).unwrap_err().code, Code::DataShape);
    }
}
