use super::*;
use crate::data::{Wanted, open};
use crate::random::Stream;
use crate::recipe::{DataKind, DataRecipe, OnError};
use arch_compiler::ops::source::Distribution;
use std::path::Path;

/// The figures take time quadratic in the images: a part is enough to see that they tell things apart.
const USED: usize = 1000;

fn digits() -> Dataset {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data");
    let recipe = DataRecipe {
        kind: DataKind::Idx,
        images: folder.join("digits-images-idx3-ubyte"),
        labels: Some(folder.join("digits-labels-idx1-ubyte")),
        holdout: 0.0,
        on_error: OnError::Stop,
    };
    open(&recipe, Wanted { channels: 1, height: 8, width: 8, classes: Some(10) }).unwrap()
}

/// Every `stride`-th digit as a sample, with a label made of its own, and what is left as the real ones.
fn split(stride: usize, label: impl Fn(i32) -> i32) -> (Samples, Dataset) {
    let all = digits();
    let (mut data, mut labels, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    let mut image = vec![0.0; 64];
    let mut rest_labels = Vec::new();
    for index in 0..USED {
        all.read(index, &mut image);
        if index % stride == 0 {
            data.extend_from_slice(&image);
            labels.push(label(all.label(index)));
        } else {
            rest.extend_from_slice(&image);
            rest_labels.push(all.label(index));
        }
    }
    let real = Dataset { pixels: crate::data::Pixels::Floats(rest), labels: Some(rest_labels), ..all };
    (Samples { data, labels, channels: 1, height: 8, width: 8 }, real)
}

#[test]
fn real_digits_are_good_samples() {
    let (samples, real) = split(6, |l| l);
    let quality = measure(&samples, &real).unwrap();
    assert!(quality.accuracy > 0.9, "{quality:?}");
    assert!(quality.odd_classes().is_empty() && quality.deviation_ratios.len() == 10, "{quality:?}");
    assert!((0.8..1.3).contains(&quality.distance_ratio), "{quality:?}");
}

#[test]
fn every_failure_shows_in_a_figure() {
    let (wrong, real) = split(6, |l| (l + 1) % 10);
    assert!(measure(&wrong, &real).unwrap().accuracy < 0.1);

    let (mut noise, _) = split(6, |l| l);
    Stream::new(1, "test").fill_batch(Distribution::Normal, 0, 0, 1, &mut noise.data);
    let quality = measure(&noise, &real).unwrap();
    assert!(quality.distance_ratio > 2.0 && quality.accuracy < 0.4, "{quality:?}");

    let (mut alike, _) = split(6, |l| l);
    let first: Vec<usize> =
        alike.labels.iter().map(|l| alike.labels.iter().position(|m| m == l).unwrap()).collect();
    let before = alike.data.clone();
    for (index, first) in first.into_iter().enumerate() {
        alike.data[64 * index..64 * (index + 1)].copy_from_slice(&before[64 * first..64 * (first + 1)]);
    }
    assert_eq!(measure(&alike, &real).unwrap().odd_classes().len(), 10);

    let (mut copies, real) = split(6, |l| l);
    let labels = real.labels.clone().unwrap();
    for (index, into) in copies.data.chunks_mut(64).enumerate() {
        real.read(index, into);
        copies.labels[index] = labels[index];
    }
    assert!(measure(&copies, &real).unwrap().distance_ratio < 1e-9);
}

#[test]
fn sizes_must_agree() {
    let (mut samples, real) = split(300, |l| l);
    samples.height = 4;
    samples.width = 16;
    assert_eq!(measure(&samples, &real).unwrap_err().code, Code::DataShape);
}
