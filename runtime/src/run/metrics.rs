//! The figures of a run, one JSON object per line.

use super::RunFolder;
use crate::error::Problem;
use serde::{Deserialize, Serialize};
use std::io::Write;

/// One line of `metrics.jsonl`. Numbers that are not finite are written as `null`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Optimizer steps done.
    pub step: u64,
    /// The mean loss of this step's samples.
    pub loss: f64,
    /// Its squared error, where the loss has such a part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mse: Option<f64>,
    /// Its variational bound in bits per dimension, where the loss has such a part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vb: Option<f64>,
    /// The learning rate of this step.
    pub lr: f64,
    /// The global norm of the gradient before clipping.
    pub grad_norm: f64,
    /// Samples trained on per second since the last line.
    pub images_per_second: f64,
    /// Seconds since the program began, of this and earlier sittings.
    pub seconds: f64,
    /// The mean loss of the held-out samples, where it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_loss: Option<f64>,
}

impl RunFolder {
    /// Adds a line.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn log(&self, metric: &Metric) -> Result<(), Problem> {
        let path = self.metrics();
        let line = serde_json::to_string(metric).unwrap_or_default();
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut file| writeln!(file, "{line}"))
            .map_err(|e| Problem::io("write", &path, &e))
    }

    /// All lines that can be read; a line that was cut off by a crash is left out.
    #[must_use]
    pub fn read_metrics(&self) -> Vec<Metric> {
        let text = std::fs::read_to_string(self.metrics()).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Takes away lines after a step, which a resumed run will write again.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn trim_metrics(&self, step: u64) -> Result<(), Problem> {
        let lines: Vec<String> = self
            .read_metrics()
            .iter()
            .filter(|m| m.step <= step)
            .filter_map(|m| serde_json::to_string(m).ok())
            .map(|line| line + "\n")
            .collect();
        std::fs::write(self.metrics(), lines.concat()).map_err(|e| Problem::io("write", &self.metrics(), &e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_after_the_checkpoint_and_broken_ones_go() {
        let base = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&base.path().join("run")).unwrap();
        for step in 1..=4 {
            folder.log(&Metric { step, loss: 1.0 / step as f64, ..Metric::default() }).unwrap();
        }
        let mut text = std::fs::read_to_string(folder.metrics()).unwrap();
        assert_eq!(
            text.lines().next().unwrap(),
            r#"{"step":1,"loss":1.0,"lr":0.0,"grad_norm":0.0,"images_per_second":0.0,"seconds":0.0}"#
        );
        text.push_str("{\"step\": 5, \"lo");
        std::fs::write(folder.metrics(), text).unwrap();
        folder.trim_metrics(2).unwrap();
        let steps: Vec<u64> = folder.read_metrics().iter().map(|m| m.step).collect();
        assert_eq!(steps, [1, 2]);
    }
}
