//! A disk in memory that tears, forgets, fills, lies and rots.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use nix::errno::Errno;

use crate::files::Files;

/// Files in memory: what was written, and what of it is on disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk(pub(super) Rc<RefCell<Inside>>);

#[derive(Debug, Default)]
pub(super) struct Inside {
    pub(super) files: BTreeMap<u64, Image>,
    /// After so many more calls that write or sync, each fails.
    left: Option<usize>,
    /// How many bytes all files may have together.
    room: Option<usize>,
    /// After so many more bytes there is no room for what is written.
    writable: Option<usize>,
    /// It says that what is written is safe, and keeps it in a cache.
    lies: bool,
    /// Calls that write or sync, so far.
    pub(super) steps: usize,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Image {
    pub(super) now: Vec<u8>,
    pub(super) synced: Vec<u8>,
}

impl Disk {
    /// With room for so many bytes.
    pub(super) fn of(room: usize) -> Disk {
        let disk = Disk::default();
        disk.resize(Some(room));
        disk
    }

    pub(super) fn liar() -> Disk {
        let disk = Disk::default();
        disk.0.borrow_mut().lies = true;
        disk
    }

    fn step(&self) -> io::Result<()> {
        let mut inside = self.0.borrow_mut();
        inside.steps += 1;
        match &mut inside.left {
            Some(0) => Err(Errno::EIO.into()),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub(super) fn fail_after(&self, steps: Option<usize>) {
        self.0.borrow_mut().left = steps;
    }

    pub(super) fn resize(&self, room: Option<usize>) {
        self.0.borrow_mut().room = room;
    }

    pub(super) fn full_after(&self, bytes: Option<usize>) {
        self.0.borrow_mut().writable = bytes;
    }

    /// The power goes: of what was not synced, `keeps` says which pages of 512 bytes are there.
    pub(super) fn cut(&self, mut keeps: impl FnMut() -> bool) {
        for image in self.0.borrow_mut().files.values_mut() {
            let mut after = image.synced.clone();
            for (at, page) in image.now.chunks(512).enumerate() {
                let from = at * 512;
                if after[from..from + page.len()] != *page && keeps() {
                    after[from..from + page.len()].copy_from_slice(page);
                }
            }
            *image = Image {
                now: after.clone(),
                synced: after,
            };
        }
    }

    /// Also those that are made ahead.
    pub(super) fn files(&self) -> Vec<u64> {
        self.0.borrow().files.keys().copied().collect()
    }

    /// Those in which something is written.
    pub(super) fn images(&self) -> Vec<u64> {
        let inside = self.0.borrow();
        let written = inside
            .files
            .iter()
            .filter(|(_, image)| image.now.iter().any(|byte| *byte != 0));
        written.map(|(number, _)| *number).collect()
    }

    pub(super) fn data(&self, number: u64) -> Vec<u8> {
        self.0.borrow().files[&number].now.clone()
    }

    pub(super) fn change(&self, number: u64, change: impl FnOnce(&mut Vec<u8>)) {
        let mut inside = self.0.borrow_mut();
        let image = inside.files.get_mut(&number).expect("it is there");
        change(&mut image.now);
        image.synced.clone_from(&image.now);
    }

    pub(super) fn copy(&self) -> Disk {
        let files = self.0.borrow().files.clone();
        Disk(Rc::new(RefCell::new(Inside {
            files,
            ..Inside::default()
        })))
    }
}

impl Files for Disk {
    type File = u64;

    fn list(&mut self) -> io::Result<Vec<u64>> {
        Ok(self.files())
    }

    fn read(&mut self, number: u64) -> io::Result<Vec<u8>> {
        Ok(self.data(number))
    }

    fn create(&mut self, number: u64, size: u64) -> io::Result<u64> {
        self.step()?;
        let mut inside = self.0.borrow_mut();
        let others: usize = inside
            .files
            .iter()
            .filter(|(other, _)| **other != number)
            .map(|(_, image)| image.now.len())
            .sum();
        if inside.room.is_some_and(|room| others + size as usize > room) {
            return Err(Errno::ENOSPC.into());
        }
        let image = inside.files.entry(number).or_default();
        assert!(image.now.iter().all(|byte| *byte == 0), "{number} is in use");
        image.now.resize(size as usize, 0);
        image.synced.clone_from(&image.now);
        Ok(number)
    }

    fn open(&mut self, number: u64) -> io::Result<u64> {
        Ok(number)
    }

    fn write(&mut self, file: &mut u64, at: u64, data: &[u8]) -> io::Result<()> {
        self.step()?;
        let mut inside = self.0.borrow_mut();
        let fits = inside.writable.map_or(data.len(), |left| left.min(data.len()));
        if let Some(left) = &mut inside.writable {
            *left -= fits;
        }
        let image = inside.files.get_mut(file).expect("it is open");
        image.now[at as usize..at as usize + fits].copy_from_slice(&data[..fits]);
        match fits == data.len() {
            true => Ok(()),
            false => Err(Errno::ENOSPC.into()),
        }
    }

    fn sync(&mut self, file: &mut u64) -> io::Result<()> {
        self.step()?;
        let mut inside = self.0.borrow_mut();
        if inside.lies {
            return Ok(());
        }
        let image = inside.files.get_mut(file).expect("it is open");
        image.synced.clone_from(&image.now);
        Ok(())
    }

    fn remove(&mut self, number: u64) -> io::Result<()> {
        self.step()?;
        self.0.borrow_mut().files.remove(&number);
        Ok(())
    }
}
