# Comes again as stomp.py's manual has it: it connects and subscribes when it hears that the connection is gone.
import os, queue, socket, sys, stomp
host, port = sys.argv[1], int(sys.argv[2])


def cut():
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(os.environ['ORDERS'])
        s.sendall(os.environ['CUT'].encode() + b'\n')
        while s.recv(1000): pass


class Listener(stomp.ConnectionListener):
    def __init__(self, c):
        self.c, self.stays = c, True
        self.entered, self.messages, self.receipts = queue.Queue(), queue.Queue(), queue.Queue()

    def enter(self):
        self.c.connect('guest', 'guest', wait=True)
        self.c.subscribe('/queue/again', id='1', ack='client-individual')
        self.entered.put(True)

    def on_message(self, frame): self.messages.put(frame)
    def on_receipt(self, frame): self.receipts.put(frame.headers['receipt-id'])
    def on_disconnected(self):
        if self.stays: self.enter()

    def sure(self, act, *args, **more):
        """It is done, and safe."""
        act(*args, receipt='sure', **more)
        assert self.receipts.get(timeout=20) == 'sure'

    def take(self):
        m = self.messages.get(timeout=20)
        print(m.body, m.headers.get('redelivered'))
        return m.headers['ack']

    def back(self):
        cut()
        self.entered.get(timeout=20)


c = stomp.Connection12([(host, port)])
l = Listener(c)
c.set_listener('', l)
l.enter()
l.entered.get()
l.sure(c.send, '/queue/again', 'not acknowledged')
l.take()
t = c.begin()
c.send('/queue/again', 'not committed', transaction=t)
l.back()
l.sure(c.ack, l.take())
l.sure(c.send, '/queue/again', 'in a transaction')
t = c.begin()
c.ack(l.take(), transaction=t)
l.sure(c.send, '/queue/answers', 'not committed either', transaction=t)
l.back()
l.sure(c.ack, l.take())
l.sure(c.send, '/queue/again', 'confirmed')
l.take()
l.back()
l.sure(c.ack, l.take())
l.sure(c.send, '/queue/again', 'the last')
l.sure(c.ack, l.take())
l.stays = False
c.disconnect(receipt='bye')
assert l.receipts.get(timeout=20) == 'bye'
