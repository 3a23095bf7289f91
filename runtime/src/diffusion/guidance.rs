//! Classifier-free guidance (Ho and Salimans 2022).

use super::process::Layout;

/// How far predictions are pushed away from those without a label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guidance {
    /// 1 is no guidance; larger is stronger.
    pub scale: f64,
    /// How many of the model's output channels are guided, from the first; `None` is all channels of the
    /// prediction. The public DiT code guides 3 whatever the number of channels.
    pub channels: Option<usize>,
}

impl Guidance {
    /// Combines two outputs of the model for the same noisy samples, `[samples, output_channels, pixels]`:
    /// `conditional` becomes `unconditional + scale * (conditional - unconditional)` in the guided channels
    /// and stays as it is in the others (the rest of the prediction and the learned variance).
    pub fn combine(
        &self,
        layout: Layout,
        output_channels: usize,
        conditional: &mut [f32],
        unconditional: &[f32],
    ) {
        let guided = self.channels.unwrap_or(layout.channels).min(output_channels) * layout.pixels;
        let length = output_channels * layout.pixels;
        for (with, without) in conditional.chunks_mut(length).zip(unconditional.chunks(length)) {
            for (c, u) in with[..guided].iter_mut().zip(without) {
                *c = (f64::from(*u) + self.scale * (f64::from(*c) - f64::from(*u))) as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_beyond_the_guided_ones_are_the_conditional_half() {
        let layout = Layout { samples: 1, channels: 2, pixels: 2 };
        let unconditional = [0.0, 0.0, 10.0, 10.0, 5.0, 5.0, 6.0, 6.0];
        let conditional = [1.0, 2.0, 11.0, 12.0, 7.0, 7.0, 8.0, 8.0];
        let combine = |channels| {
            let mut out = conditional;
            Guidance { scale: 3.0, channels }.combine(layout, 4, &mut out, &unconditional);
            out
        };
        assert_eq!(combine(None), [3.0, 6.0, 13.0, 16.0, 7.0, 7.0, 8.0, 8.0]);
        assert_eq!(combine(Some(1)), [3.0, 6.0, 11.0, 12.0, 7.0, 7.0, 8.0, 8.0]);
    }
}
