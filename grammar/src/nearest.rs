//! "Did you mean …?"

/// The candidate most like `name`, if one is like enough: at most a third of the letters differ, or the two
/// differ in nothing but capital letters. Among equals the first wins.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = name.chars().collect();
    let mut best: Option<(usize, &'a str)> = None;
    for candidate in candidates {
        let letters: Vec<char> = candidate.chars().collect();
        let longest = wanted.len().max(letters.len());
        let limit = if longest < 3 { 0 } else { longest.div_ceil(3) };
        let distance = match candidate.eq_ignore_ascii_case(name) {
            true => usize::from(candidate != name),
            false if longest - wanted.len().min(letters.len()) > limit => continue,
            false => {
                let distance = distance(&wanted, &letters);
                if distance > limit {
                    continue;
                }
                distance
            }
        };
        if best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// How many letters must be put in, taken out, replaced or swapped with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_slips_of_the_finger() {
        let names = ["hidden_size", "num_heads", "depth", "D"];
        assert_eq!(nearest("hiden_size", names), Some("hidden_size"));
        assert_eq!(nearest("num_haeds", names), Some("num_heads"));
        assert_eq!(nearest("dpeth", names), Some("depth"));
        assert_eq!(nearest("d", names), Some("D"));
    }

    #[test]
    fn prefers_the_closer_one() {
        assert_eq!(nearest("model", ["modal", "model_", "model"]), Some("model"));
        assert_eq!(nearest("layer", ["player", "layers"]), Some("player"));
    }

    #[test]
    fn keeps_silent_about_strangers() {
        assert_eq!(nearest("patch_size", ["depth", "num_heads"]), None);
        assert_eq!(nearest("x", ["y", "z"]), None);
        assert_eq!(nearest("", ["a"]), None);
    }
}
