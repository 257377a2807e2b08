# Comes again by itself: proton opens the connection and its links anew, and sends what it knows no answer to.
import os, socket, sys
from proton import Message
from proton.handlers import MessagingHandler, TransactionHandler
from proton.reactor import Container

url = 'amqp://guest:guest@%s:%s' % (sys.argv[1], sys.argv[2])


def cut():
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(os.environ['ORDERS'])
        s.sendall(os.environ['CUT'].encode() + b'\n')
        while s.recv(1000): pass


class Again(MessagingHandler, TransactionHandler):
    def __init__(self):
        super().__init__(prefetch=0, auto_accept=False, auto_settle=True)
        self.step = 0

    def on_start(self, event):
        self.container = event.container
        self.conn = event.container.connect(url, reconnect=[0, 0.1, 0.1, 0.1])
        self.sender = event.container.create_sender(self.conn, 'again', name='s')
        self.receiver = event.container.create_receiver(self.conn, 'again', name='r')

    def on_connection_opened(self, event):
        print('in')
        if self.step in (0, 3): return
        # What it had taken comes again, with the credit that it gives again.
        self.receiver.flow(1)

    def on_sendable(self, event):
        if self.step == 0:
            self.step = 1
            self.sender.send(Message('not accepted', durable=True))

    def on_accepted(self, event):
        if event.link != self.sender: return
        if self.step == 1: self.receiver.flow(1)
        elif self.step == 3: self.receiver.flow(1)

    def on_message(self, event):
        m = event.message
        print(m.body, m.first_acquirer, m.delivery_count > 0)
        if self.step == 1:
            self.step = 2
            return cut()
        if self.step == 2:
            # In a transaction that is not committed when the connection goes.
            self.delivery = event.delivery
            self.container.declare_transaction(self.conn, handler=self)
        elif self.step == 4:
            self.accept(event.delivery)
            self.step = 5
            self.sender.send(Message('the last', durable=True))
            self.receiver.flow(1)
        elif self.step == 5:
            self.accept(event.delivery)
            self.conn.close()

    def on_transaction_declared(self, event):
        event.transaction.send(self.sender, Message('not committed', durable=True))
        event.transaction.accept(self.delivery)
        self.step = 4
        cut()


Container(Again()).run()
