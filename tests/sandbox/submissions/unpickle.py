"""A pickled model that runs a command when it is loaded."""

import os
import pickle
import socket

from attempts import CANARIES, attempt, finish, read


class Model:
    def __reduce__(self):
        return (read, (CANARIES["labels"],))


class Caller:
    def __reduce__(self):
        return (socket.create_connection, (("127.0.0.1", CANARIES["tcp4"]),))


with open("/tmp/model.pickle", "wb") as file:
    pickle.dump(Model(), file)
with open("/tmp/caller.pickle", "wb") as file:
    pickle.dump(Caller(), file)
attempt("a model that reads the labels", lambda: pickle.load(open("/tmp/model.pickle", "rb")))
attempt("a model that calls home", lambda: pickle.load(open("/tmp/caller.pickle", "rb")))
os.unlink("/tmp/model.pickle")
finish()
