//! How good samples of small labelled images are, measured against the real ones without any other network.
//!
//! Three figures, each of which a different failure shows in: samples of the wrong class (accuracy of the
//! nearest neighbours), samples that are all alike or mere noise (pixel deviation), samples that are none of
//! the real kind (distance to the nearest real image).

use crate::data::Dataset;
use crate::error::{Code, Problem};
use crate::sample::Samples;
use serde::{Deserialize, Serialize};

/// How many real neighbours decide on a sample's class.
const NEIGHBOURS: usize = 3;

/// The deviation ratios that count as good.
pub const GOOD_DEVIATION: std::ops::RangeInclusive<f64> = 0.6..=1.4;

/// The figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// How many samples were looked at.
    pub samples: usize,
    /// The share of samples whose 3 nearest real images have, by majority, the label that was asked for.
    pub accuracy: f64,
    /// For each class that was sampled: its label, and the mean over pixels of the samples' standard deviation
    /// divided by that of the real images of the class. 1 is right, 0 is one picture again and again.
    pub deviation_ratios: Vec<(i32, f64)>,
    /// The median distance of a sample to its nearest real image, divided by the median distance of a real
    /// image to its nearest other one. 1 is right; near 0 samples are copies.
    pub distance_ratio: f64,
}

impl Quality {
    /// The classes whose deviation is out of bounds.
    #[must_use]
    pub fn odd_classes(&self) -> Vec<i32> {
        self.deviation_ratios.iter().filter(|c| !GOOD_DEVIATION.contains(&c.1)).map(|c| c.0).collect()
    }
}

/// Measures samples against real images of the same size.
///
/// # Errors
/// If sizes differ, the real images have no labels, or there are fewer than two of them.
pub fn measure(samples: &Samples, real: &Dataset) -> Result<Quality, Problem> {
    let size = (samples.channels, samples.height, samples.width);
    if size != (real.channels, real.height, real.width) {
        return Err(Problem::new(
            Code::DataShape,
            format!(
                "the samples are {size:?}, the real images {:?}",
                (real.channels, real.height, real.width)
            ),
            "compare with the data that the model was trained on",
        ));
    }
    let Some(labels) = &real.labels else {
        return Err(Problem::new(
            Code::DataLabels,
            "the real images have no labels",
            "name a file in `data.labels`",
        ));
    };
    if real.len() < NEIGHBOURS + 1 || samples.labels.is_empty() {
        return Err(Problem::new(
            Code::DataEmpty,
            "there are too few images to compare",
            "draw more samples",
        ));
    }
    if let Some(label) = samples.labels.iter().find(|l| !labels.contains(l)) {
        return Err(Problem::new(
            Code::DataLabels,
            format!("no real image has the label {label}, which samples were drawn for"),
            "name classes of the data: `--labels 0,1,2`, or leave `--labels` out",
        ));
    }
    let length = real.sample_len();
    let mut pixels = vec![0.0; real.len() * length];
    for (index, into) in pixels.chunks_mut(length).enumerate() {
        real.read(index, into);
    }
    let drawn: Vec<&[f32]> = samples.data.chunks(length).collect();
    let real: Vec<&[f32]> = pixels.chunks(length).collect();

    let mut right = 0;
    let mut distances = Vec::with_capacity(drawn.len());
    for (sample, label) in drawn.iter().zip(&samples.labels) {
        let near = nearest(sample, &real, None);
        distances.push(near[0].0.sqrt());
        let votes = near.iter().filter(|n| labels[n.1] == *label).count();
        right += usize::from(2 * votes > NEIGHBOURS);
    }
    let among_real: Vec<f64> =
        (0..real.len()).map(|i| nearest(real[i], &real, Some(i))[0].0.sqrt()).collect();
    Ok(Quality {
        samples: drawn.len(),
        accuracy: right as f64 / drawn.len() as f64,
        deviation_ratios: deviation_ratios(&drawn, &samples.labels, &real, labels),
        distance_ratio: median(distances) / median(among_real).max(f64::MIN_POSITIVE),
    })
}

/// The nearest real images: squared distance and index, nearest first.
fn nearest(image: &[f32], real: &[&[f32]], except: Option<usize>) -> [(f64, usize); NEIGHBOURS] {
    let mut best = [(f64::INFINITY, 0); NEIGHBOURS];
    for (index, other) in real.iter().enumerate().filter(|(i, _)| Some(*i) != except) {
        let distance: f64 = image.iter().zip(*other).map(|(a, b)| f64::from(a - b).powi(2)).sum();
        if distance < best[NEIGHBOURS - 1].0 {
            best[NEIGHBOURS - 1] = (distance, index);
            best.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
    }
    best
}

/// Per class: how far its samples spread, relative to its real images. A class with fewer than two samples or
/// real images has no spread and is left out.
fn deviation_ratios(
    drawn: &[&[f32]],
    drawn_labels: &[i32],
    real: &[&[f32]],
    labels: &[i32],
) -> Vec<(i32, f64)> {
    let mut classes = drawn_labels.to_vec();
    classes.sort_unstable();
    classes.dedup();
    let of_class = |images: &[&[f32]], labels: &[i32], class: i32| {
        let of: Vec<&[f32]> =
            images.iter().zip(labels).filter(|(_, l)| **l == class).map(|(image, _)| *image).collect();
        mean_deviation(&of)
    };
    let ratio = |class: i32| {
        let real = of_class(real, labels, class)?;
        let drawn = of_class(drawn, drawn_labels, class)?;
        Some((class, drawn / real))
    };
    classes.into_iter().filter_map(ratio).collect()
}

/// The standard deviation of a pixel over images, averaged over pixels. None of less than two images.
fn mean_deviation(images: &[&[f32]]) -> Option<f64> {
    let first = images.first().filter(|_| images.len() > 1)?;
    let n = images.len() as f64;
    let deviation = |pixel: usize| {
        let mean = images.iter().map(|i| f64::from(i[pixel])).sum::<f64>() / n;
        (images.iter().map(|i| (f64::from(i[pixel]) - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt()
    };
    Some((0..first.len()).map(deviation).sum::<f64>() / first.len() as f64)
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    if numbers.len() % 2 == 1 { numbers[middle] } else { 0.5 * (numbers[middle - 1] + numbers[middle]) }
}

#[cfg(test)]
mod tests;
