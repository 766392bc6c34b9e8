//! What is in Redis, and each thing that is done with it.
//!
//! ```text
//! K:jobs     stream  what is to be done, with the group `workers`; who is done takes it out
//! K:batches  set     the names of what was put there at once
//! K:done     hash    the result of each job, by its number
//! K:dead     hash    jobs that were tried too often: the fields of each, by its place in the stream
//! ```
//!
//! None but `jobs` ever becomes smaller: how long to keep what was done is not for us to say. A job that was set aside is put
//! back by an XADD of its fields, and an HDEL.

use std::collections::HashMap;
use std::time::Duration;

use corro::net::TcpStream;
use corro::sleep;
use redis::streams::{
    StreamAutoClaimReply, StreamId, StreamInfoConsumer, StreamInfoConsumersReply, StreamPendingCountReply,
    StreamRangeReply, StreamReadReply,
};
use redis::{FromRedisValue, RedisResult, cmd, pipe};

use crate::Outcome;
use crate::job::Job;
use crate::link::Link;
use crate::redis_connection::Connection;

const GROUP: &str = "workers";
/// Jobs that are produced without a look at how many there are.
const BATCH: usize = 100;
/// A producer waits while there are more in the stream.
const MOST: usize = 100_000;

/// Jobs to the stream KEYS[1], unless the set KEYS[2] has their batch ARGV[1].
const ADD: &str = "
    if redis.call('SADD', KEYS[2], ARGV[1]) == 1 then
        for at = 2, #ARGV, 3 do
            local number, millis, fails = ARGV[at], ARGV[at + 1], ARGV[at + 2]
            redis.call('XADD', KEYS[1], '*', 'number', number, 'millis', millis, 'fails', fails)
        end
    end";

/// The job ARGV[2] of the group ARGV[1] from the stream KEYS[1] to the hash KEYS[2], unless it is there.
const SET_ASIDE: &str = "
    local entry = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1]
    if entry then
        redis.call('HSETNX', KEYS[2], ARGV[2], cjson.encode(entry[2]))
    end
    redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
    redis.call('XDEL', KEYS[1], ARGV[2])";

/// The worker ARGV[2] from the group ARGV[1] of the stream KEYS[1]. What it had in hand would be lost with it.
const LEAVE: &str = "
    if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) == 0 then
        redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
    end";

pub(crate) struct Keys {
    pub(crate) jobs: String,
    pub(crate) batches: String,
    pub(crate) done: String,
    pub(crate) dead: String,
}

impl Keys {
    pub(crate) fn new(prefix: &str) -> Keys {
        let key = |name| format!("{prefix}:{name}");
        Keys { jobs: key("jobs"), batches: key("batches"), done: key("done"), dead: key("dead") }
    }

    pub(crate) fn create_group(&self, redis: &mut Connection<TcpStream>) -> RedisResult<()> {
        let created = cmd("XGROUP").arg(&["CREATE", &self.jobs, GROUP, "0", "MKSTREAM"]).exec(redis);
        match created {
            Err(error) if error.code() == Some("BUSYGROUP") => Ok(()),
            outcome => outcome,
        }
    }
}

/// Puts jobs into the stream.
pub(crate) fn produce(link: &mut Link, jobs: Vec<Job>) -> Outcome<()> {
    for batch in jobs.chunks(BATCH) {
        while link.call(|redis, keys| cmd("XLEN").arg(&keys.jobs).query::<usize>(redis))? > MOST {
            sleep(Duration::from_millis(100));
        }
        add(link, &format!("{:032x}", fastrand::u128(..)), batch)?;
    }
    Ok(())
}

/// Puts a batch of jobs into the stream, unless one of this name was put there before.
pub(crate) fn add(link: &mut Link, name: &str, batch: &[Job]) -> Outcome<()> {
    link.call(|redis, keys| {
        let mut adding = cmd("EVAL");
        adding.arg(ADD).arg(2).arg(&[&keys.jobs, &keys.batches]).arg(name);
        for job in batch {
            adding.arg(&[job.number, job.millis, job.fails.into()]);
        }
        adding.exec(redis)
    })
}

/// Jobs that nobody has had. Waits for one, so long at most.
pub(crate) fn fetch(link: &mut Link, count: usize, wait: Duration) -> Outcome<Vec<Job>> {
    let name = &link.options.name;
    let reply: Option<StreamReadReply> = link.call(|redis, keys| {
        let mut read = cmd("XREADGROUP");
        read.arg(&["GROUP", GROUP, name]).arg("COUNT").arg(count).arg("BLOCK").arg(wait.as_millis() as u64);
        read.arg(&["STREAMS", &keys.jobs, ">"]).query(redis)
    })?;
    Ok(reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids).map(|entry| job(&entry)).collect())
}

/// Jobs that others had, and left lying too long, from this place of the list on; and where to look next. What was tried too
/// often is set aside instead.
pub(crate) fn take_over(link: &mut Link, count: usize, from: &str) -> Outcome<(Vec<Job>, String)> {
    let options = link.options;
    let idle = options.idle.as_millis() as u64;
    let reply: StreamAutoClaimReply = link.call(|redis, keys| {
        let mut claim = cmd("XAUTOCLAIM");
        claim.arg(&[&keys.jobs, GROUP, &options.name]).arg(idle).arg(from).arg("COUNT").arg(count).query(redis)
    })?;
    let mut jobs = Vec::new();
    for job in reply.claimed.iter().map(job) {
        // This one is counted already.
        if attempts(link, &job)? > options.attempts {
            set_aside(link, &job.id)?;
        } else {
            jobs.push(job);
        }
    }
    Ok((jobs, reply.next_stream_id))
}

fn attempts(link: &mut Link, job: &Job) -> Outcome<usize> {
    let reply: StreamPendingCountReply =
        link.call(|redis, keys| cmd("XPENDING").arg(&[&keys.jobs, GROUP, &job.id, &job.id, "1"]).query(redis))?;
    Ok(reply.ids.first().map_or(0, |pending| pending.times_delivered))
}

/// Takes a job out of the stream that is not done.
pub(crate) fn set_aside(link: &mut Link, id: &str) -> Outcome<()> {
    link.call(|redis, keys| {
        cmd("EVAL").arg(SET_ASIDE).arg(2).arg(&[&keys.jobs, &keys.dead]).arg(&[GROUP, id]).exec(redis)
    })
}

/// Takes the worker out of the list of all, if it has nothing in hand.
pub(crate) fn leave(link: &mut Link) -> Outcome<()> {
    let name = &link.options.name;
    link.call(|redis, keys| cmd("EVAL").arg(LEAVE).arg(1).arg(&keys.jobs).arg(&[GROUP, name]).exec(redis))
}

/// Records results, and takes their jobs out of the stream, all or nothing. How many are new: of a job that was done twice
/// the first result stays.
pub(crate) fn finish(link: &mut Link, results: &[(Job, u128)]) -> Outcome<usize> {
    let name = &link.options.name;
    let new: Vec<usize> = link.call(|redis, keys| {
        let mut finishing = pipe();
        finishing.atomic();
        for (job, result) in results {
            finishing.cmd("HSETNX").arg(&keys.done).arg(job.number).arg(format!("{result} {name}"));
            finishing.cmd("XACK").arg(&[&keys.jobs, GROUP, &job.id]).ignore();
            finishing.cmd("XDEL").arg(&[&keys.jobs, &job.id]).ignore();
        }
        finishing.query(redis)
    })?;
    Ok(new.into_iter().sum())
}

/// How much was done, and how much was set aside.
pub(crate) fn progress(link: &mut Link) -> Outcome<(u64, u64)> {
    link.call(|redis, keys| pipe().cmd("HLEN").arg(&keys.done).cmd("HLEN").arg(&keys.dead).query(redis))
}

/// The numbers of the jobs that a worker has in hand.
pub(crate) fn in_hand(link: &mut Link, worker: &str) -> Outcome<Vec<u64>> {
    let reply: StreamPendingCountReply =
        link.call(|redis, keys| cmd("XPENDING").arg(&[&keys.jobs, GROUP, "-", "+", "10000", worker]).query(redis))?;
    let mut numbers = Vec::new();
    for id in reply.ids.iter().map(|pending| &pending.id) {
        let range: StreamRangeReply = link.call(|redis, keys| cmd("XRANGE").arg(&[&keys.jobs, id, id]).query(redis))?;
        numbers.extend(range.ids.iter().map(|entry| job(entry).number));
    }
    Ok(numbers)
}

/// All results, with who has done it.
pub(crate) fn results(link: &mut Link) -> Outcome<HashMap<u64, String>> {
    link.call(|redis, keys| cmd("HGETALL").arg(&keys.done).query(redis))
}

/// The fields of the jobs that were set aside, as JSON, by their places in the stream.
pub(crate) fn dead(link: &mut Link) -> Outcome<HashMap<String, String>> {
    link.call(|redis, keys| cmd("HGETALL").arg(&keys.dead).query(redis))
}

/// Cuts all other connections, as a network may. How many they were.
pub(crate) fn cut_others(link: &mut Link) -> Outcome<usize> {
    link.call(|redis, _| cmd("CLIENT").arg(&["KILL", "TYPE", "normal", "SKIPME", "yes"]).query(redis))
}

/// Takes all away.
pub(crate) fn forget(link: &mut Link) -> Outcome<()> {
    link.call(|redis, keys| cmd("DEL").arg(&[&keys.jobs, &keys.batches, &keys.done, &keys.dead]).exec(redis))
}

pub(crate) fn left(link: &mut Link) -> Outcome<u64> {
    link.call(|redis, keys| cmd("XLEN").arg(&keys.jobs).query(redis))
}

/// The names of the workers.
pub(crate) fn workers(link: &mut Link) -> Outcome<Vec<String>> {
    Ok(consumers(link)?.into_iter().map(|worker| worker.name).collect())
}

fn consumers(link: &mut Link) -> Outcome<Vec<StreamInfoConsumer>> {
    let reply: StreamInfoConsumersReply =
        link.call(|redis, keys| cmd("XINFO").arg(&["CONSUMERS", &keys.jobs, GROUP]).query(redis))?;
    Ok(reply.consumers)
}

/// What there is to do, who does it, and what was done, for people.
pub(crate) fn status(link: &mut Link) -> Outcome<String> {
    let (done, dead) = progress(link)?;
    let left = left(link)?;
    let workers = consumers(link)?;
    let mut text = format!("{left} jobs to do, {done} done, {dead} set aside");
    for worker in workers {
        let idle = Duration::from_millis(worker.idle as u64);
        text += &format!("\n  {:<20} {} in hand, was heard of {idle:?} ago", worker.name, worker.pending);
    }
    Ok(text)
}

/// The job of an entry. One that somebody else has put there, without its fields, is a job that fails.
fn job(entry: &StreamId) -> Job {
    fn field<T: FromRedisValue>(entry: &StreamId, name: &str) -> Option<T> {
        entry.get(name)
    }
    let (number, millis) = (field(entry, "number"), field(entry, "millis"));
    let fails = number.is_none() || millis.is_none() || field(entry, "fails") != Some(0);
    Job { id: entry.id.clone(), number: number.unwrap_or(0), millis: millis.unwrap_or(0), fails }
}
