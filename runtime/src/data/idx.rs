//! IDX files, as MNIST is published in, plain or compressed with gzip.
//!
//! Big endian: two zero bytes, the element type (8 is unsigned byte), the number of axes, their sizes, data.

use super::{Dataset, Pixels, check_count, damaged};
use crate::error::Problem;
use std::io::Read;
use std::path::Path;

const UNSIGNED_BYTE: u8 = 8;

/// Opens images `[n, rows, columns]` or `[n, rows, columns, channels]`, and labels `[n]`.
pub(super) fn open(images: &Path, labels: Option<&Path>) -> Result<Dataset, Problem> {
    let (sizes, bytes) = read(images)?;
    let (count, height, width, channels) = match *sizes.as_slice() {
        [count, height, width] => (count, height, width, 1),
        [count, height, width, channels] => (count, height, width, channels),
        _ => return Err(damaged(images, format!("images have 3 or 4 axes, not {}", sizes.len()))),
    };
    let labels = labels
        .map(|path| match read(path)? {
            (sizes, bytes) if sizes.len() == 1 => Ok(bytes.into_iter().map(i32::from).collect::<Vec<i32>>()),
            (sizes, _) => Err(damaged(path, format!("labels have 1 axis, not {}", sizes.len()))),
        })
        .transpose()?;
    check_count(count, labels.as_ref(), images)?;
    Ok(Dataset {
        pixels: Pixels::Bytes(channels_first(&bytes, height * width, channels)),
        channels,
        height,
        width,
        labels,
        classes: Vec::new(),
        skipped: Vec::new(),
    })
}

/// From `[n, pixels, channels]` to `[n, channels, pixels]`.
pub(super) fn channels_first<T: Copy>(data: &[T], pixels: usize, channels: usize) -> Vec<T> {
    let mut out = Vec::with_capacity(data.len());
    for image in data.chunks(pixels * channels) {
        for channel in 0..channels {
            out.extend(image.iter().skip(channel).step_by(channels));
        }
    }
    out
}

fn read(path: &Path) -> Result<(Vec<usize>, Vec<u8>), Problem> {
    let raw = std::fs::read(path).map_err(|e| Problem::io("read", path, &e))?;
    let bytes = if raw.starts_with(&[0x1f, 0x8b]) {
        let mut unpacked = Vec::new();
        flate2::read::MultiGzDecoder::new(raw.as_slice())
            .read_to_end(&mut unpacked)
            .map_err(|e| damaged(path, format!("cannot be decompressed: {e}")))?;
        unpacked
    } else {
        raw
    };
    parse(&bytes).map_err(|why| damaged(path, why))
}

/// The sizes and the data of a whole file.
fn parse(bytes: &[u8]) -> Result<(Vec<usize>, Vec<u8>), String> {
    let [0, 0, kind, axes, rest @ ..] = bytes else {
        return Err("not an IDX file: it does not begin with two zero bytes".into());
    };
    if *kind != UNSIGNED_BYTE {
        return Err(format!("elements are of type {kind:#04x}; unsigned bytes (0x08) are wanted"));
    }
    let axes = usize::from(*axes);
    if rest.len() < 4 * axes {
        return Err(format!("the header is cut off: {axes} sizes are announced"));
    }
    let (header, data) = rest.split_at(4 * axes);
    let sizes: Vec<usize> =
        header.chunks(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize).collect();
    let wanted = sizes.iter().try_fold(1usize, |n, s| n.checked_mul(*s));
    match wanted {
        Some(wanted) if wanted == data.len() => Ok((sizes, data.to_vec())),
        _ => Err(format!("{sizes:?} elements are announced, but there are {} bytes", data.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use std::io::Write;

    fn digits() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data")
    }

    #[test]
    fn the_digits_are_read_plain_and_compressed() {
        let images = digits().join("digits-images-idx3-ubyte");
        let labels = digits().join("digits-labels-idx1-ubyte");
        let plain = open(&images, Some(&labels)).unwrap();
        assert_eq!((plain.len(), plain.channels, plain.height, plain.width), (1797, 1, 8, 8));
        assert_eq!(plain.labels.as_ref().unwrap()[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);

        let folder = tempfile::tempdir().unwrap();
        let packed = folder.path().join("images.gz");
        let mut encoder = flate2::write::GzEncoder::new(
            std::fs::File::create(&packed).unwrap(),
            flate2::Compression::fast(),
        );
        encoder.write_all(&std::fs::read(&images).unwrap()).unwrap();
        encoder.finish().unwrap();
        assert_eq!(open(&packed, Some(&labels)).unwrap(), plain);

        let swapped = open(&labels, Some(&images)).unwrap_err();
        assert_eq!(swapped.code, Code::DataFormat);
    }

    #[test]
    fn damaged_files_are_refused() {
        for bytes in [
            &[][..],
            &[1, 2, 3],
            &[0, 0, 8, 3, 0, 0],
            &[0, 0, 8, 1, 0, 0, 0, 9, 1],
            &[0, 0, 13, 1, 0, 0, 0, 0],
        ] {
            assert!(parse(bytes).is_err(), "{bytes:?}");
        }
        assert_eq!(parse(&[0, 0, 8, 1, 0, 0, 0, 2, 5, 6]).unwrap(), (vec![2], vec![5, 6]));
        assert!(parse(&[0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]).is_err());
    }

    #[test]
    fn channels_come_first() {
        assert_eq!(channels_first(&[1, 10, 2, 20, 3, 30, 4, 40], 2, 2), [1, 2, 10, 20, 3, 4, 30, 40]);
    }
}
