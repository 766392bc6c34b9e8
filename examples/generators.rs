//! What generators can do: pipelines, walks over trees, two-way talk, exceptions from outside, clean ends.
//!
//! `cargo run --release --example generators` prints:
//!
//! ```text
//! pipeline  {"/about": 2, "/gone": 1, "/index": 4}
//! tree      [1, 2, 3, 4, 5, 6, 7] with yield_from, the same with a borrowed tree
//! send      [Yielded(10.0), Yielded(15.0), Complete(30.0)]
//! throw     0, 1, restarted at 100, 101, then raised: no such command
//! close     the file was closed, 2 lines were read
//! ```

mod arguments;

use std::{collections::BTreeMap, rc::Rc};

use corro::CoroutineState::{Complete, Yielded};
use corro::generator::{GeneratorError, Interrupt, catch, raise, scoped};
use corro::{Co, Generator};

const LOG: &str = "200 /index\n200 /about\n500 /index\n\n200 /index\n404 /gone\n200 /about\n200 /index\n";

/// Each stage takes what the one before it yields; nothing is read before it is wanted.
fn pipeline() {
    let lines = Generator::new(|co: &Co<&'static str>| co.yield_all(LOG.lines()));
    let paths = Generator::new(|co: &Co<&'static str>| {
        for line in lines {
            line.split_once(' ').into_iter().for_each(|(_, path)| co.yield_(path));
        }
    });
    let mut counts = BTreeMap::new();
    paths.for_each(|path| *counts.entry(path).or_insert(0) += 1);
    assert_eq!(counts, BTreeMap::from([("/about", 2), ("/gone", 1), ("/index", 4)]));
    println!("pipeline  {counts:?}");
}

struct Tree(Option<Rc<Tree>>, i32, Option<Rc<Tree>>);

fn tree(low: i32, high: i32) -> Option<Rc<Tree>> {
    let middle = (low + high) / 2;
    (low <= high).then(|| Rc::new(Tree(tree(low, middle - 1), middle, tree(middle + 1, high))))
}

/// As in Python: each level delegates to the next. A value costs the same from any depth.
fn walk(tree: Rc<Tree>) -> Generator<i32> {
    Generator::new(move |co| {
        tree.0.iter().for_each(|left| co.yield_from(&mut walk(left.clone())));
        co.yield_(tree.1);
        tree.2.iter().for_each(|right| co.yield_from(&mut walk(right.clone())));
    })
}

/// What Python cannot do: an ordinary recursive function that yields. One stack does for the whole walk.
fn visit(tree: &Tree, co: &Co<i32>) {
    tree.0.iter().for_each(|left| visit(left, co));
    co.yield_(tree.1);
    tree.2.iter().for_each(|right| visit(right, co));
}

fn trees() {
    let tree = tree(1, 7).expect("seven values");
    let delegated: Vec<_> = walk(tree.clone()).collect();
    let borrowed: Vec<_> = scoped(|co: &Co<i32>| visit(&tree, co), |values| values.collect());
    assert_eq!((&delegated, &borrowed), (&vec![1, 2, 3, 4, 5, 6, 7], &delegated));
    println!("tree      {delegated:?} with yield_from, the same with a borrowed tree");
}

fn two_way() {
    let mut average = Generator::new(|co: &Co<f64, f64>| {
        let mut sum = co.yield_(0.0);
        for count in [1.0, 2.0] {
            sum += co.yield_(sum / count);
        }
        sum / 3.0
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
    let seen = [counter.start(), counter.send(()), counter.throw(100_u32), counter.send(())];
    assert_eq!(seen.map(Result::unwrap), [Yielded(0), Yielded(1), Yielded(100), Yielded(101)]);
    let Err(GeneratorError::Raised(exception)) = counter.throw("no such command") else { panic!("nobody caught it") };
    println!("throw     0, 1, restarted at 100, 101, then raised: {exception}");
}

fn closing() {
    let file = Rc::new(LOG); // closed when the body has dropped it
    let opened = file.clone();
    let mut reader = Generator::new(move |co: &Co<&'static str>| {
        for (count, line) in opened.lines().enumerate() {
            if let Err(Interrupt::Close) = co.try_yield(line) {
                return count + 1;
            }
        }
        raise("the file is shorter than was thought")
    });
    assert_eq!(reader.by_ref().take(2).count(), 2);
    let count = reader.close().expect("the body ends when it is closed").expect("with a count");
    assert!(count == 2 && Rc::strong_count(&file) == 1);
    println!("close     the file was closed, {count} lines were read");
}

fn main() {
    arguments::is_quick("generators: pipelines, a tree walk, send, throw and close.");
    let parts: [fn(); 5] = [pipeline, trees, two_way, exceptions, closing];
    parts.iter().for_each(|part| part());
}
