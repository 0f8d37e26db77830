# How far into a struct of type `owner` its field `name` lies, which is some object; 0: it is none of its slots.

cdef extern from *:
    """
    #include <structmember.h>
    static Py_ssize_t nb_offset(PyObject *owner, PyObject *name) {
        PyObject *found = PyObject_GetAttr(owner, name);
        Py_ssize_t offset = 0;
        if (found == NULL) return -1;
        if (Py_TYPE(found) == &PyMemberDescr_Type) {
            PyMemberDef *member = ((PyMemberDescrObject *)found)->d_member;
            if (member->type == T_OBJECT_EX) offset = member->offset;
        }
        Py_DECREF(found);
        return offset;
    }
    """
    Py_ssize_t nb_offset(object owner, object name) except -1
