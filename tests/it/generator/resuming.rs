//! G9: who resumes. G10: from where a body yields.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use corro::generator::{catch, scoped};
use corro::{Co, Generator};

use super::{raises, returns, started, yields};

/// A generator that adds what it is sent and yields the sum.
fn adder() -> Generator<u64, u64, ()> {
    Generator::new(|co: &Co<u64, u64>| {
        let mut sum = 0;
        loop {
            sum += co.yield_(sum);
        }
    })
}

#[test]
fn g9_each_time_another_function() {
    fn first(generator: &mut Generator<u64, u64, ()>) {
        yields(generator.start(), 0);
    }
    fn second(generator: &mut Generator<u64, u64, ()>) {
        yields(generator.send(1), 1);
    }
    let mut generator = adder();
    first(&mut generator);
    second(&mut generator);
    let mut third = |n| yields(generator.send(n), n + 1);
    third(2);
    assert!(generator.close().is_ok());
}

#[test]
fn g9_a_suspended_generator_can_be_moved_returned_and_boxed() {
    fn pass(mut generator: Generator<u64, u64, ()>) -> Generator<u64, u64, ()> {
        generator.send(1).expect("yields");
        generator
    }
    let mut boxed: Box<Generator<u64, u64, ()>> = Box::new(pass(pass(started(adder()))));
    yields(boxed.send(10), 12);
    let mut other = started(adder());
    std::mem::swap(&mut *boxed, &mut other);
    yields(other.send(1), 13);
    yields(boxed.send(1), 1);
}

#[test]
fn g9_kept_in_collections_and_resumed_in_any_order() {
    let mut by_name: HashMap<u64, Generator<u64, u64, ()>> = (0..50).map(|n| (n, started(adder()))).collect();
    for round in 1..=10 {
        for n in (0..50).rev() {
            let n = (n * 7 + round) % 50;
            yields(by_name.get_mut(&n).expect("there").send(n), n * round);
        }
    }
}

#[test]
fn g9_resumed_at_different_depths_of_the_stack() {
    fn resume_at(depth: u64, generator: &mut Generator<u64, u64, ()>) -> u64 {
        let room = std::hint::black_box([depth; 64]);
        if depth > 0 {
            return resume_at(depth - 1, generator) + room[3] - depth;
        }
        match generator.send(1) {
            Ok(corro::CoroutineState::Yielded(sum)) => sum,
            other => panic!("{other:?}"),
        }
    }
    let mut generator = started(adder());
    for (n, depth) in (1..).zip([0, 100, 3, 500, 0, 50]) {
        assert_eq!(resume_at(depth, &mut generator), n);
    }
}

#[test]
fn g9_resumed_by_plain_code_and_by_other_generators_in_turn() {
    let shared = Rc::new(RefCell::new(started(adder())));
    let user = || {
        let shared = Rc::clone(&shared);
        Generator::new(move |co: &Co<u64>| {
            loop {
                let Ok(corro::CoroutineState::Yielded(sum)) = shared.borrow_mut().send(1) else { panic!("yields") };
                co.yield_(sum);
            }
        })
    };
    let mut users: Vec<Generator<u64>> = (0..3).map(|_| user()).collect();
    let mut expected = 0;
    for round in 0..20 {
        expected += 1;
        yields(shared.borrow_mut().send(1), expected);
        expected += 1;
        assert_eq!(users[round % 3].next(), Some(expected));
    }
}

#[test]
fn g9_resumed_by_a_generator_that_ended_since() {
    let shared = Rc::new(RefCell::new(adder()));
    for n in 0..5 {
        let inside = Rc::clone(&shared);
        let mut resumer = Generator::new(move |_: &Co<u64>| {
            let mut generator = inside.borrow_mut();
            if n == 0 { generator.start() } else { generator.send(1) }.map(drop).expect("yields");
        });
        assert_eq!(resumer.next(), None);
    }
    yields(shared.borrow_mut().send(1), 5);
}

#[test]
fn g9_a_generator_made_and_started_in_a_body_outlives_it() {
    let mut maker = Generator::new(|co: &Co<i32>| {
        co.yield_(0);
        started(adder())
    });
    assert_eq!(maker.next(), Some(0));
    assert_eq!(maker.next(), None);
    let mut made = maker.take_return().expect("a generator");
    drop(maker);
    yields(made.send(5), 5);
    yields(made.send(6), 11);
}

#[test]
fn g9_a_generator_cannot_resume_itself_and_survives_the_attempt() {
    let shared: Rc<RefCell<Option<Generator<i32>>>> = Rc::default();
    let inside = Rc::downgrade(&shared);
    shared.replace(Some(Generator::new(move |co: &Co<i32>| {
        let shared = inside.upgrade().expect("alive");
        // It is borrowed mutably by whoever resumed it.
        assert!(shared.try_borrow_mut().is_err() && shared.try_borrow().is_err());
        co.yield_(1);
    })));
    let next = || shared.borrow_mut().as_mut().expect("there").next();
    assert_eq!((next(), next(), next()), (Some(1), None, None));
}

#[test]
fn g9_each_thread_has_its_own_generators() {
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                let mut generator = started(adder());
                for n in 1..1000 {
                    yields(generator.send(thread), n * thread);
                }
            });
        }
    });
}

#[test]
fn g10_yields_from_any_depth_of_ordinary_calls() {
    enum Tree {
        Leaf,
        Node(Box<Tree>, u32, Box<Tree>),
    }
    fn insert(tree: Tree, value: u32) -> Tree {
        match tree {
            Tree::Leaf => Tree::Node(Box::new(Tree::Leaf), value, Box::new(Tree::Leaf)),
            Tree::Node(left, middle, right) if value < middle => {
                Tree::Node(Box::new(insert(*left, value)), middle, right)
            }
            Tree::Node(left, middle, right) => Tree::Node(left, middle, Box::new(insert(*right, value))),
        }
    }
    fn walk(co: &Co<u32>, tree: &Tree) {
        if let Tree::Node(left, value, right) = tree {
            walk(co, left);
            co.yield_(*value);
            walk(co, right);
        }
    }
    let tree = [5, 2, 8, 1, 9, 3].into_iter().fold(Tree::Leaf, insert);
    let sorted = Generator::new(move |co: &Co<u32>| walk(co, &tree));
    assert_eq!(sorted.collect::<Vec<_>>(), [1, 2, 3, 5, 8, 9]);
}

#[test]
fn g10_yields_from_closures_and_code_of_the_standard_library() {
    let generator = Generator::new(|co: &Co<String, bool>| {
        let mut words = vec!["b", "c", "a"];
        // Whoever drives the generator does the comparisons.
        words.sort_by(|a, b| if co.yield_(format!("{a}<{b}")) { std::cmp::Ordering::Less } else { a.cmp(b) });
        let dynamic: &dyn Fn(&str) -> bool = &|word| co.yield_(format!("keep {word}?"));
        words.retain(|word| dynamic(word));
        words.concat()
    });
    let mut generator = generator;
    let mut state = generator.start().expect("runs");
    let text = loop {
        match state {
            corro::CoroutineState::Complete(text) => break text,
            corro::CoroutineState::Yielded(question) => {
                let answer = match question.split_once('<') {
                    Some((a, b)) => a < b,
                    None => question != "keep b?",
                };
                state = generator.send(answer).expect("runs");
            }
        }
    };
    assert_eq!(text, "ac");
}

#[test]
fn g10_yields_through_trait_objects_generic_code_and_other_stacks() {
    trait Source {
        fn pour(&self, co: &Co<u32>);
    }
    struct Numbers(u32);
    impl Source for Numbers {
        fn pour(&self, co: &Co<u32>) {
            (0..self.0).for_each(|n| co.yield_(n));
        }
    }
    struct Twice<S>(S);
    impl<S: Source> Source for Twice<S> {
        fn pour(&self, co: &Co<u32>) {
            self.0.pour(co);
            // On the stack of an inner generator, through the outer `Co`.
            scoped(|_: &Co<()>| self.0.pour(co), |mut inner| assert_eq!(inner.next(), None));
        }
    }
    let source: Box<dyn Source> = Box::new(Twice(Twice(Numbers(2))));
    let generator = Generator::new(move |co: &Co<u32>| source.pour(co));
    assert_eq!(generator.collect::<Vec<_>>(), [0, 1, 0, 1, 0, 1, 0, 1]);
}

#[test]
fn g10_an_outer_co_suspends_the_outer_generator_with_the_inner_one_inside() {
    let mut outer = Generator::new(|outer: &Co<String, u32>| {
        scoped(
            |inner: &Co<u32, u32>| {
                let a = outer.yield_("outer, before the inner yields".to_owned());
                let b = inner.yield_(a);
                let c = outer.yield_("outer, after it".to_owned());
                a * 100 + b * 10 + c
            },
            |mut driven| {
                yields(driven.start(), 1);
                let between = outer.yield_("outer, between".to_owned());
                returns(driven.send(between), 123);
            },
        );
        outer.yield_("outer, behind".to_owned())
    });
    yields(outer.start(), "outer, before the inner yields".to_owned());
    yields(outer.send(1), "outer, between".to_owned());
    yields(outer.send(2), "outer, after it".to_owned());
    yields(outer.send(3), "outer, behind".to_owned());
    returns(outer.send(4), 4);
}

#[test]
fn g10_a_throw_surfaces_at_the_outer_co_inside_the_inner_body() {
    let mut outer = started(Generator::new(|outer: &Co<u32, u32>| {
        scoped(
            |inner: &Co<u32, u32>| {
                let arrived = catch(|| outer.yield_(1));
                assert!(arrived.is_err(), "the throw is for whoever waits here");
                inner.yield_(2)
            },
            |mut driven| {
                yields(driven.start(), 2);
                returns(driven.send(3), 3);
            },
        );
        outer.yield_(4)
    }));
    yields(outer.throw("no"), 4);
    returns(outer.send(5), 5);
}

#[test]
fn g10_a_throw_at_the_outer_co_leaves_the_inner_body_first() {
    let trace = super::Trace::new();
    let body = trace.clone();
    let mut outer = started(Generator::new(move |outer: &Co<u32, u32>| {
        let _outer = body.guard("outer");
        scoped(
            |_: &Co<u32, u32>| {
                let _inner = body.guard("inner");
                outer.yield_(1)
            },
            |mut driven| {
                // It is the inner generator that raises here, and `start` that says so.
                let text: &str = raises(driven.start());
                body.say(text);
            },
        );
        outer.yield_(2)
    }));
    yields(outer.throw("thrown"), 2);
    trace.said(&["inner", "thrown"]);
    assert!(outer.close().is_ok());
    trace.said(&["outer"]);
}

#[test]
fn g10_a_close_at_the_outer_co_unwinds_the_inner_then_the_outer() {
    let trace = super::Trace::new();
    for by_drop in [false, true] {
        let body = trace.clone();
        let mut outer = started(Generator::new(move |outer: &Co<u32>| {
            let _outer = body.guard("outer");
            scoped(
                |_: &Co<u32>| {
                    let _inner = body.guard("inner");
                    outer.yield_(1);
                },
                |driven| {
                    let _driver = body.guard("driver");
                    driven.for_each(|n| outer.yield_(n));
                },
            );
            body.say("never");
        }));
        if by_drop {
            drop(outer);
        } else {
            assert!(matches!(outer.close(), Ok(None)));
        }
        trace.said(&["inner", "driver", "outer"]);
    }
}

#[test]
fn g10_the_outer_is_closed_while_the_inner_is_suspended_at_its_own_co() {
    let trace = super::Trace::new();
    let body = trace.clone();
    let mut outer = started(Generator::new(move |outer: &Co<u32>| {
        scoped(
            |inner: &Co<u32>| {
                let _inner = body.guard("inner");
                inner.yield_(1);
            },
            |mut driven| {
                assert_eq!(driven.next(), Some(1));
                let _driver = body.guard("driver");
                outer.yield_(2);
            },
        );
    }));
    assert!(matches!(outer.close(), Ok(None)));
    trace.said(&["driver", "inner"]);
}

#[test]
fn g10_three_bodies_deep_each_co_suspends_its_own_generator() {
    let mut first = Generator::new(|one: &Co<u32, u32>| {
        scoped(
            |two: &Co<u32, u32>| {
                scoped(
                    |three: &Co<u32, u32>| three.yield_(3) + two.yield_(2) + one.yield_(1),
                    |mut third| {
                        yields(third.start(), 3);
                        returns(third.send(300), 321);
                    },
                );
                two.yield_(22)
            },
            |mut second| {
                // `one` is used two stacks below: this frame waits, with the first generator suspended.
                yields(second.start(), 2);
                yields(second.send(20), 22);
                returns(second.send(23), 23);
            },
        );
        one.yield_(11)
    });
    yields(first.start(), 1);
    yields(first.send(1), 11);
    returns(first.send(12), 12);
}

#[test]
fn g10_an_outer_co_can_delegate_from_the_inner_body() {
    let trace = super::Trace::new();
    let new = || {
        let body = trace.clone();
        Generator::new(move |outer: &Co<u32, u32>| {
            scoped(
                |inner: &Co<u32, u32>| {
                    let inside = body.clone();
                    let mut delegate = Generator::new(move |co: &Co<u32, u32>| {
                        let _local = inside.guard("delegate");
                        co.yield_(1) + co.yield_(2)
                    });
                    let _local = body.guard("inner");
                    let sum = outer.yield_from(&mut delegate);
                    inner.yield_(sum)
                },
                |mut driven| {
                    yields(driven.start(), 30);
                    returns(driven.send(40), 40);
                },
            );
            outer.yield_(3)
        })
    };
    let mut whole = new();
    yields(whole.start(), 1);
    yields(whole.send(10), 2);
    yields(whole.send(20), 3);
    returns(whole.send(30), 30);
    trace.said(&["delegate", "inner"]);
    let mut closed = started(new());
    assert!(matches!(closed.close(), Ok(None)));
    trace.said(&["delegate", "inner"]);
}

#[test]
fn g10_an_inner_that_ignores_a_close_at_the_outer_co() {
    let mut outer = started(Generator::new(|outer: &Co<u32, u32>| {
        scoped(
            |_: &Co<u32, u32>| {
                assert!(outer.try_yield(1).is_err());
                outer.yield_(2)
            },
            |mut driven| returns(driven.start(), 5),
        );
        6
    }));
    super::ignores(outer.close(), 2);
    returns(outer.send(5), 6);
}
