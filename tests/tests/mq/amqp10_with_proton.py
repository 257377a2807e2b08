# Sends, receives, settles, comes back, with links that have the same name in both directions; transactions; silence.
import sys
from proton import Message, Timeout, symbol, ulong
from proton.handlers import MessagingHandler, TransactionHandler
from proton.reactor import Container, Copy
from proton.utils import BlockingConnection, LinkDetached

url = 'amqp://guest:guest@%s:%s' % (sys.argv[1], sys.argv[2])
c = BlockingConnection(url, timeout=10, heartbeat=1, allowed_mechs='PLAIN')
r, s = c.create_receiver('py.q'), c.create_sender('py.q')
print('same names', r.link.name == s.link.name)
for body in ('text', b'bytes', {'map': [1, True]}, [1, 'two'], 7, None):
    s.send(Message(body=body, id=ulong(3), correlation_id='c', subject='s', reply_to='answers', content_type='a/b',
                   properties={'n': 5, 'f': 0.5, 'u': ulong(9), 'colour': 'red'}, annotations={symbol('x-opt-a'): 1}))
    m = r.receive(timeout=5)
    r.accept()
    print(bytes(m.body) if isinstance(m.body, memoryview) else m.body, m.id, m.correlation_id, m.subject, m.reply_to, m.content_type, m.properties, m.annotations)
s.send(Message(body='again', durable=True, priority=8, ttl=60))
m = r.receive(timeout=5)
print(m.durable, m.priority, m.ttl > 50, m.first_acquirer, m.delivery_count)
r.release(delivered=False)
m = r.receive(timeout=5)
print('released', m.first_acquirer, m.delivery_count)
r.release()
m = r.receive(timeout=5)
print('modified', m.first_acquirer, m.delivery_count)
r.reject()
dead = c.create_receiver('DLQ', name='dead')
print('dead', dead.receive(timeout=5).body)
dead.accept()
large = 'x' * 3000000
s.send(Message(body=large))
print('large', r.receive(timeout=10).body == large)
r.accept()
# What nobody has settled comes back when its connection is gone.
s.send(Message(body='not settled'))
print(r.receive(timeout=5).body)
try: c.create_receiver('py.empty', name='empty').receive(timeout=2.5)
except Timeout: print('alive')
c.close()
c = BlockingConnection(url, timeout=10, allowed_mechs='ANONYMOUS')
r = c.create_receiver('py.q', name='again')
m = r.receive(timeout=5)
print(m.body, m.first_acquirer, m.delivery_count)
r.accept()
try: c.create_receiver('/nowhere/x', name='bad')
except LinkDetached as e: print('refused', e.condition)
c.close()

class Transacts(MessagingHandler, TransactionHandler):
    """One that is aborted, one that is committed; then takes in one that is aborted, and in one that is committed."""
    def __init__(self):
        super().__init__(prefetch=0, auto_accept=False)
        self.step, self.transaction = 0, None
    def on_start(self, event):
        self.container = event.container
        self.conn = event.container.connect(url, reconnect=False)
        self.sender = event.container.create_sender(self.conn, 'py.tx', name='txs')
        self.receiver = event.container.create_receiver(self.conn, 'py.tx', name='txr')
        self.container.declare_transaction(self.conn, handler=self)
    def on_transaction_declared(self, event):
        self.transaction = event.transaction
        if self.step == 0:
            self.transaction.send(self.sender, Message(body='aborted'))
            self.transaction.abort()
        elif self.step == 1:
            self.transaction.send(self.sender, Message(body='committed', durable=True))
            self.transaction.commit()
        else:
            self.receiver.flow(1)
    def on_message(self, event):
        print('step', self.step, event.message.body, event.message.delivery_count)
        self.transaction.accept(event.delivery)
        if self.step == 2: self.transaction.abort()
        else: self.transaction.commit()
    def on_transaction_aborted(self, event):
        print('aborted')
        self.go_on()
    def on_transaction_committed(self, event):
        print('committed')
        self.go_on()
    def go_on(self):
        self.step += 1
        if self.step == 4: self.conn.close()
        else: self.container.declare_transaction(self.conn, handler=self)

Container(Transacts()).run()
c = BlockingConnection(url, timeout=10)
r = c.create_receiver('py.tx', options=Copy(), name='left')
try: print('left', r.receive(timeout=1).body)
except Timeout: print('nothing is left')
c.close()
