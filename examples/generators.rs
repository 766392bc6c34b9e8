//! What generators can do: pipelines, walks over trees, two-way talk, exceptions from outside, clean ends.
//!
//! `cargo run --release --example generators` prints:
//!
//! ```text
//! pipeline  {"/about": 2, "/gone": 1, "/index": 4}
//! tree      1 2 3 4 5 6 7 with yield_from, the same with a borrowed tree
//! send      average of 10, 20, 60 so far: 10, 15, 30
//! throw     0, 1, restarted at 100, 101, then raised: no such command
//! close     the file was closed, 2 lines were read
//! ```

use std::{cell::Cell, collections::BTreeMap, rc::Rc};

use corro::CoroutineState::{Complete, Yielded};
use corro::generator::{GeneratorError, Interrupt, catch, raise, scoped};
use corro::{Co, Generator};

const LOG: &str = "200 /index\n200 /about\n500 /index\n\n200 /index\n404 /gone\n200 /about\n200 /index\n";

/// Each stage takes what the one before it yields; nothing is read before it is wanted.
fn pipeline() {
    let lines = Generator::new(|co: &Co<&'static str>| co.yield_all(LOG.lines()));
    let fields = |lines: Generator<&'static str>| {
        Generator::new(move |co: &Co<(u32, &'static str)>| {
            for line in lines {
                let Some((status, path)) = line.split_once(' ') else { continue };
                co.yield_((status.parse().expect("a status is a number"), path));
            }
        })
    };
    let mut counts = BTreeMap::new();
    for (_, path) in fields(lines) {
        *counts.entry(path).or_insert(0) += 1;
    }
    assert_eq!(counts, BTreeMap::from([("/about", 2), ("/gone", 1), ("/index", 4)]));
    println!("pipeline  {counts:?}");
}

struct Tree {
    value: i32,
    children: [Option<Rc<Tree>>; 2],
}

fn tree(values: std::ops::RangeInclusive<i32>) -> Option<Rc<Tree>> {
    let (low, high) = values.into_inner();
    let value = (low + high) / 2;
    (low <= high).then(|| Rc::new(Tree { value, children: [tree(low..=value - 1), tree(value + 1..=high)] }))
}

/// As in Python: each level delegates to the next. A value costs the same from any depth.
fn walk(tree: Rc<Tree>) -> Generator<i32> {
    Generator::new(move |co| {
        let [left, right] = tree.children.clone();
        left.into_iter().for_each(|left| co.yield_from(&mut walk(left)));
        co.yield_(tree.value);
        right.into_iter().for_each(|right| co.yield_from(&mut walk(right)));
    })
}

/// What Python cannot do: an ordinary recursive function that yields. One stack does for the whole walk.
fn visit(tree: &Tree, co: &Co<i32>) {
    let [left, right] = &tree.children;
    left.iter().for_each(|left| visit(left, co));
    co.yield_(tree.value);
    right.iter().for_each(|right| visit(right, co));
}

fn trees() {
    let tree = tree(1..=7).expect("seven values");
    let delegated: Vec<_> = walk(tree.clone()).collect();
    let borrowed: Vec<_> = scoped(|co: &Co<i32>| visit(&tree, co), |values| values.collect());
    assert_eq!((&delegated, &borrowed), (&vec![1, 2, 3, 4, 5, 6, 7], &delegated));
    let text = delegated.iter().map(i32::to_string).collect::<Vec<_>>().join(" ");
    println!("tree      {text} with yield_from, the same with a borrowed tree");
}

fn two_way() {
    let mut average = Generator::new(|co: &Co<f64, f64>| {
        let (mut sum, mut count) = (co.yield_(0.0), 1.0);
        while count < 3.0 {
            sum += co.yield_(sum / count);
            count += 1.0;
        }
        sum / count
    });
    assert_eq!(average.start().unwrap(), Yielded(0.0));
    let averages = [10.0, 20.0, 60.0].map(|value| average.send(value).unwrap());
    assert_eq!(averages, [Yielded(10.0), Yielded(15.0), Complete(30.0)]);
    println!("send      {averages:?}");
}

fn exceptions() {
    let mut counter = Generator::new(|co: &Co<u32>| {
        let mut count = 0;
        loop {
            match catch(|| co.yield_(count)) {
                Ok(()) => count += 1,
                Err(Interrupt::Throw(command)) if command.is::<u32>() => count = command.downcast().unwrap(),
                Err(other) => other.raise(),
            }
        }
    });
    let mut seen = vec![counter.start().unwrap(), counter.send(()).unwrap()];
    seen.extend([counter.throw(100_u32).unwrap(), counter.send(()).unwrap()]);
    assert_eq!(seen, [Yielded(0), Yielded(1), Yielded(100), Yielded(101)]);
    let Err(GeneratorError::Raised(exception)) = counter.throw("no such command") else { panic!("nobody caught it") };
    println!("throw     0, 1, restarted at 100, 101, then raised: {exception}");
}

fn closing() {
    let closed = Rc::new(Cell::new(false));
    let file = OnDrop(closed.clone());
    let mut reader = Generator::new(move |co: &Co<&'static str>| {
        let _file = file;
        for (count, line) in LOG.lines().enumerate() {
            if let Err(Interrupt::Close) = co.try_yield(line) {
                return count + 1;
            }
        }
        raise("the file has no end") // to whoever resumes the generator, as a panic would go, but without its message
    });
    assert_eq!(reader.by_ref().take(2).count(), 2);
    let count = reader.close().expect("it returns when it is closed").expect("it returns a count");
    assert!(closed.get() && count == 2);
    println!("close     the file was closed, {count} lines were read");
}

struct OnDrop(Rc<Cell<bool>>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.is_empty() && arguments != ["--quick"] {
        eprintln!("generators: cannot understand {arguments:?}; there is only --quick, which changes nothing here");
        std::process::exit(2);
    }
    pipeline();
    trees();
    two_way();
    exceptions();
    closing();
}
