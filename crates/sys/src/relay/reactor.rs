//! The connections' part of a thread's event loop: which of its sockets may be read and written, and whom to wake.
//!
//! The runtime's own keeps a few hundred bytes for a socket, with locks, since tasks there may be on any thread. Here a
//! socket is polled by one task on one thread: a flag byte and a waker are enough. All of them are behind one descriptor
//! that the runtime watches; what has happened is then asked for in one call, however many sockets it is about.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use socket2::Domain;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// As many as the runtime asks for at a time.
const EVENTS: usize = 1024;

const READ: u8 = 1;
const WRITE: u8 = 2;
/// The other end sends no more. It never ceases to be so.
const END: u8 = 4;
/// A read may end before the bytes do: at an urgent byte, or where descriptors came along. That it was short says nothing.
const MARKS: u8 = 8;
/// Nothing more is to be done with it.
const FAILED: u8 = 16;

thread_local! {
    static REACTOR: RefCell<Weak<Reactor>> = const { RefCell::new(Weak::new()) };
}

/// Of one thread.
pub(super) struct Reactor {
    epoll: AsyncFd<OwnedFd>,
    slots: RefCell<Slots>,
}

#[derive(Default)]
struct Slots {
    all: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Default)]
struct Slot {
    /// Events for whoever was here before are not for who is here now.
    generation: u32,
    ready: u8,
    waker: Option<Waker>,
}

/// Prepares this thread's event loop for sockets. The first one would do so too, at a time when files may be short.
pub fn prepare() -> io::Result<()> {
    Reactor::here().map(drop)
}

/// A socket's place, left when dropped.
pub(super) struct Place {
    reactor: Rc<Reactor>,
    number: u32,
}

impl Reactor {
    /// This thread's. Needs a runtime whose tasks stay on their thread.
    fn here() -> io::Result<Rc<Reactor>> {
        REACTOR.with_borrow_mut(|known| {
            if let Some(reactor) = known.upgrade() {
                return Ok(reactor);
            }
            let reactor = Rc::new(Reactor::new()?);
            *known = Rc::downgrade(&reactor);
            tokio::task::spawn_local(follow(reactor.clone()));
            Ok(reactor)
        })
    }

    #[allow(unsafe_code)]
    fn new() -> io::Result<Reactor> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        // SAFETY: the descriptor is owned, and nobody gets at it by value or mutably while it is registered.
        let epoll = unsafe { AsyncFd::register_with_interest(epoll, Interest::READABLE) }?;
        Ok(Reactor {
            epoll,
            slots: RefCell::default(),
        })
    }

    /// Notes what has happened and wakes whom it is about; whether there may be more.
    fn turn(&self, events: &mut Vec<Event>) -> io::Result<bool> {
        events.clear();
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        epoll::wait(
            self.epoll.get_ref(),
            rustix::buffer::spare_capacity(events),
            Some(&at_once),
        )?;
        let mut slots = self.slots.borrow_mut();
        for &Event { flags, data } in events.iter() {
            slots.note(data.u64(), readiness(flags));
        }
        Ok(events.len() == events.capacity())
    }
}

impl Slots {
    fn take(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.all.push(Slot::default());
            u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX)
        })
    }

    fn note(&mut self, data: u64, ready: u8) {
        let (number, generation) = (data as u32, (data >> 32) as u32);
        let Some(slot) = self.all.get_mut(number as usize) else {
            return;
        };
        if slot.generation != generation {
            return;
        }
        slot.ready |= ready;
        if let Some(waker) = &slot.waker {
            waker.wake_by_ref();
        }
    }
}

impl Place {
    /// For a socket of this kind that stays open for as long as the place is held.
    pub(super) fn take(socket: &impl AsFd, domain: Domain) -> io::Result<Place> {
        let reactor = Reactor::here()?;
        let is_path = domain == Domain::UNIX;
        let (number, generation) = {
            let mut slots = reactor.slots.borrow_mut();
            let number = slots.take();
            let slot = &mut slots.all[number as usize];
            slot.ready = if is_path { MARKS } else { 0 };
            (number, slot.generation)
        };
        let place = Place { reactor, number };
        let flags = EventFlags::IN | EventFlags::PRI | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        let data = EventData::new_u64(u64::from(generation) << 32 | u64::from(number));
        epoll::add(place.reactor.epoll.get_ref(), socket, data, flags)?;
        Ok(place)
    }

    /// Nothing more is to be known of a socket that goes on elsewhere.
    pub(super) fn forget(&self, socket: &impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(self.reactor.epoll.get_ref(), socket)?)
    }

    pub(super) fn poll_read(&self, cx: &Context<'_>) -> Poll<()> {
        self.poll(cx, READ | END)
    }

    pub(super) fn poll_write(&self, cx: &Context<'_>) -> Poll<()> {
        self.poll(cx, WRITE)
    }

    pub(super) fn poll_failed(&self, cx: &Context<'_>) -> Poll<()> {
        self.poll(cx, FAILED)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.has(END)
    }

    pub(super) fn has_marks(&self) -> bool {
        self.has(MARKS)
    }

    fn has(&self, which: u8) -> bool {
        self.reactor.slots.borrow().all[self.number as usize].ready & which != 0
    }

    pub(super) fn has_failed(&self) -> bool {
        self.has(FAILED)
    }

    /// The kernel has said that there is no more at the moment.
    pub(super) fn no_read(&self) {
        self.clear(READ);
    }

    pub(super) fn no_write(&self) {
        self.clear(WRITE);
    }

    fn clear(&self, which: u8) {
        self.reactor.slots.borrow_mut().all[self.number as usize].ready &= !which;
    }

    fn poll(&self, cx: &Context<'_>, which: u8) -> Poll<()> {
        let slot = &mut self.reactor.slots.borrow_mut().all[self.number as usize];
        if slot.ready & which != 0 {
            return Poll::Ready(());
        }
        match &mut slot.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut slots = self.reactor.slots.borrow_mut();
        let slot = &mut slots.all[self.number as usize];
        let left = Slot {
            generation: slot.generation.wrapping_add(1),
            ..Slot::default()
        };
        // A waker may be all that keeps a task, and with it other places.
        let before = std::mem::replace(slot, left);
        slots.free.push(self.number);
        drop(slots);
        drop(before);
    }
}

/// Until the runtime ends.
async fn follow(reactor: Rc<Reactor>) {
    let mut events = Vec::with_capacity(EVENTS);
    while let Ok(mut guard) = reactor.epoll.readable().await {
        // Whatever comes from here on is an edge of its own.
        guard.clear_ready();
        loop {
            match reactor.turn(&mut events) {
                Ok(true) => tokio::task::yield_now().await,
                Ok(false) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }
}

fn readiness(flags: EventFlags) -> u8 {
    let of = |which: EventFlags, ready: u8| if flags.intersects(which) { ready } else { 0 };
    of(EventFlags::IN, READ)
        | of(EventFlags::PRI, READ | MARKS)
        | of(EventFlags::OUT, WRITE)
        | of(EventFlags::RDHUP, READ | END)
        | of(EventFlags::HUP, READ | WRITE | END)
        | of(EventFlags::ERR, READ | WRITE | FAILED)
}
