//! Which timesteps a sampler visits, as the public code's `space_timesteps` says.

use crate::error::{Code, Problem};

/// How sampling steps are spread over the timesteps of training.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Respacing {
    /// Every timestep.
    All,
    /// Sections of equal length, each with its own number of steps: `"250"`, `"4,3,2"`.
    Sections(Vec<usize>),
    /// A constant integer stride that gives exactly this many: `"ddim50"` (Song, Meng and Ermon 2021).
    Stride(usize),
}

impl Respacing {
    /// Reads `""`, `"250"`, `"4,3,2"` or `"ddim50"`.
    ///
    /// # Errors
    /// If the text is none of these, or a number of steps is 0.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let unreadable = || {
            Problem::new(
                Code::Respacing,
                format!("`{text}` is not a number of sampling steps"),
                "write a number (50), numbers per section (\"4,3,2\") or a stride (\"ddim50\")",
            )
        };
        let number = |text: &str| text.trim().parse::<usize>().map_err(|_| unreadable());
        let respacing = match text.trim().strip_prefix("ddim") {
            _ if text.trim().is_empty() => Respacing::All,
            Some(count) => Respacing::Stride(number(count)?),
            None => Respacing::Sections(text.split(',').map(number).collect::<Result<_, _>>()?),
        };
        let steps = match &respacing {
            Respacing::All => 1,
            Respacing::Stride(count) => *count,
            Respacing::Sections(counts) => counts.iter().copied().min().unwrap_or(0),
        };
        if steps == 0 {
            return Err(Problem::new(
                Code::SampleSteps,
                format!("`{text}` asks for 0 sampling steps"),
                "sampling needs at least one step in every section; 50 is a usual number",
            ));
        }
        Ok(respacing)
    }

    /// The timesteps that are kept, in ascending order.
    ///
    /// # Errors
    /// If a section has more steps than timesteps, or no integer stride gives the number.
    pub fn timesteps(&self, total: usize) -> Result<Vec<usize>, Problem> {
        match self {
            Respacing::All => Ok((0..total).collect()),
            Respacing::Stride(count) => strided(total, *count),
            Respacing::Sections(counts) => sections(total, counts),
        }
    }
}

fn strided(total: usize, count: usize) -> Result<Vec<usize>, Problem> {
    (1..total.max(2))
        .find(|stride| total.div_ceil(*stride) == count)
        .map(|stride| (0..total).step_by(stride).collect())
        .ok_or_else(|| {
            Problem::new(
                Code::Respacing,
                format!("no integer stride takes exactly {count} of {total} timesteps"),
                format!("use `{count}` without `ddim`, or another number such as a divisor of {total}"),
            )
        })
}

fn sections(total: usize, counts: &[usize]) -> Result<Vec<usize>, Problem> {
    let mut kept = Vec::new();
    let mut start = 0;
    for (i, count) in counts.iter().enumerate() {
        let size = total / counts.len() + usize::from(i < total % counts.len());
        if size < *count {
            return Err(Problem::new(
                Code::Respacing,
                format!("a section of {size} timesteps cannot give {count} sampling steps"),
                format!("ask for at most {size} steps here; the process has {total} timesteps"),
            ));
        }
        let stride = if *count <= 1 { 1.0 } else { (size - 1) as f64 / (count - 1) as f64 };
        let mut position = 0.0f64;
        for _ in 0..*count {
            // The sum of strides and the rounding of halves to even are the public code's.
            kept.push(start + position.round_ties_even() as usize);
            position += stride;
        }
        start += size;
    }
    Ok(kept)
}
