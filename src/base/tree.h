/*
 * tree - an ordered set of nodes that lie in what they order. Insertion and removal of the first cost O(log n), whatever the order: an
 * AA tree (Andersson, "Balanced search trees made simple", WADS 1993), whose depth is at most 2 log2(n + 1).
 */
#ifndef HANGUP_BASE_TREE_H
#define HANGUP_BASE_TREE_H

#include <stdbool.h>
#include <stdint.h>

struct tree_node {
    struct tree_node *left, *right;
    uint8_t level;
};

/* Does a come before b? Of equal ones, the newer comes later. */
typedef bool tree_before(const struct tree_node *a, const struct tree_node *b);

/* The node that is `node` or comes directly before it would, in order; NULL: none does. */
struct tree_node *tree_at_most(struct tree_node *root, const struct tree_node *node, tree_before *before);

/* Both return the new root; NULL is an empty tree. */
struct tree_node *tree_insert(struct tree_node *root, struct tree_node *node, tree_before *before);
struct tree_node *tree_take_first(struct tree_node *root, struct tree_node **first);

#endif
