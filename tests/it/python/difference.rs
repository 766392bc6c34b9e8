//! The difference of two traces, as text.

/// `None` where the traces are equal; else all lines, with `-` those only expected and with `+` those only found.
pub(crate) fn difference(expected: &[String], found: &[String]) -> Option<String> {
    if expected == found {
        return None;
    }
    let common = common_lengths(expected, found);
    let (mut at, mut to) = (0, 0);
    let mut text = Vec::new();
    while at < expected.len() || to < found.len() {
        if at < expected.len() && to < found.len() && expected[at] == found[to] {
            text.push(format!("  {}", expected[at]));
            (at, to) = (at + 1, to + 1);
        } else if to == found.len() || (at < expected.len() && common[at + 1][to] >= common[at][to + 1]) {
            text.push(format!("- {}", expected[at]));
            at += 1;
        } else {
            text.push(format!("+ {}", found[to]));
            to += 1;
        }
    }
    Some(text.join("\n"))
}

/// The length of the longest common subsequence of every pair of tails.
fn common_lengths(a: &[String], b: &[String]) -> Vec<Vec<usize>> {
    let mut lengths = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            lengths[i][j] =
                if a[i] == b[j] { lengths[i + 1][j + 1] + 1 } else { lengths[i + 1][j].max(lengths[i][j + 1]) };
        }
    }
    lengths
}

#[test]
fn g_python_difference_names_the_lines() {
    let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(difference(&lines("a b c"), &lines("a b c")), None);
    assert_eq!(difference(&lines("a b c"), &lines("a x c d")).as_deref(), Some("  a\n- b\n+ x\n  c\n+ d"));
    assert_eq!(difference(&lines("a b"), &lines("b")).as_deref(), Some("- a\n  b"));
}
