//! Samples as pictures.

use crate::data::to_byte;
use crate::error::Problem;
use crate::files::replace;
use image::{ImageFormat, Rgb, RgbImage};
use std::io::Cursor;
use std::path::Path;

/// Samples in the model's range, `[samples, channels, height, width]`.
#[derive(Clone, Copy, Debug)]
pub struct Pictures<'a> {
    /// The numbers.
    pub data: &'a [f32],
    /// Channels: 1 is grey, 3 is red, green and blue. Of other numbers (latents) the first three are shown,
    /// or the first alone where there are two.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// Cells of a grid are enlarged by a whole number until they have about this many pixels a side.
const CELL: usize = 64;
/// Pixels between cells.
const GAP: usize = 2;
const GAP_COLOUR: Rgb<u8> = Rgb([96, 96, 96]);

impl Pictures<'_> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.data.len() / (self.channels * self.height * self.width).max(1)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One picture in its own size.
    #[must_use]
    pub fn one(&self, index: usize) -> RgbImage {
        let pixels = self.height * self.width;
        let sample = &self.data[index * self.channels * pixels..][..self.channels * pixels];
        let colour = |channel: usize, x: u32, y: u32| {
            let channel = if self.channels < 3 { 0 } else { channel };
            to_byte(sample[channel * pixels + y as usize * self.width + x as usize])
        };
        RgbImage::from_fn(self.width as u32, self.height as u32, |x, y| {
            Rgb([colour(0, x, y), colour(1, x, y), colour(2, x, y)])
        })
    }

    /// All pictures in a grid of `columns`, in reading order.
    #[must_use]
    pub fn grid(&self, columns: usize) -> RgbImage {
        let columns = columns.clamp(1, self.len().max(1));
        let rows = self.len().div_ceil(columns);
        let scale = (CELL / self.height.max(self.width).max(1)).max(1);
        let (width, height) = (self.width * scale, self.height * scale);
        let side = |cells: usize, size: usize| (cells * (size + GAP) + GAP) as u32;
        let mut grid = RgbImage::from_pixel(side(columns, width), side(rows, height), GAP_COLOUR);
        for index in 0..self.len() {
            let picture = self.one(index);
            let left = GAP + index % columns * (width + GAP);
            let top = GAP + index / columns * (height + GAP);
            for y in 0..height {
                for x in 0..width {
                    let pixel = *picture.get_pixel((x / scale) as u32, (y / scale) as u32);
                    grid.put_pixel((left + x) as u32, (top + y) as u32, pixel);
                }
            }
        }
        grid
    }
}

/// The columns that make a grid about square.
#[must_use]
pub fn square_columns(count: usize) -> usize {
    (count as f64).sqrt().ceil() as usize
}

/// A picture as the bytes of a PNG file.
#[must_use]
pub fn png(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    // Writing into memory fails only for pictures without pixels.
    match picture.write_to(&mut bytes, ImageFormat::Png) {
        Ok(()) => bytes.into_inner(),
        Err(_) => Vec::new(),
    }
}

/// Writes a picture as PNG.
///
/// # Errors
/// If the file cannot be written.
pub fn write_png(picture: &RgbImage, path: &Path) -> Result<(), Problem> {
    replace(path, &png(picture)).map_err(|e| Problem::io("write", path, &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_shows_every_picture_in_reading_order() {
        let data: Vec<f32> = [-1.0, 0.0, 1.0].iter().flat_map(|x| [*x; 4]).collect();
        let pictures = Pictures { data: &data, channels: 1, height: 2, width: 2 };
        let grid = pictures.grid(2);
        assert_eq!(grid.dimensions(), (2 * 66 + 2, 2 * 66 + 2));
        assert_eq!(grid.get_pixel(0, 0), &GAP_COLOUR);
        assert_eq!(grid.get_pixel(5, 5).0, [0, 0, 0]);
        assert_eq!(grid.get_pixel(70, 5).0, [128, 128, 128]);
        assert_eq!(grid.get_pixel(5, 70).0, [255, 255, 255]);
        assert_eq!(grid.get_pixel(70, 70), &GAP_COLOUR, "there is no fourth picture");
        let back = image::load_from_memory(&png(&grid)).unwrap().into_rgb8();
        assert_eq!(back, grid);
        assert_eq!((square_columns(16), square_columns(10), square_columns(1)), (4, 4, 1));
    }

    #[test]
    fn colours_are_channels() {
        let data = [1.0, -1.0, 0.0, 0.5];
        assert_eq!(
            Pictures { data: &data[..3], channels: 3, height: 1, width: 1 }.one(0).get_pixel(0, 0).0,
            [255, 0, 128]
        );
        assert_eq!(
            Pictures { data: &data, channels: 4, height: 1, width: 1 }.one(0).get_pixel(0, 0).0,
            [255, 0, 128]
        );
    }
}
