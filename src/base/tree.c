#include "base/tree.h"

#include <stddef.h>

static unsigned level_of(const struct tree_node *node)
{
    return node != NULL ? node->level : 0;
}

/* A left child on the same level: turned to the right. */
static struct tree_node *skew(struct tree_node *node)
{
    struct tree_node *left = node->left;
    if (level_of(left) != node->level)
        return node;
    node->left = left->right;
    left->right = node;
    return left;
}

/* Two right children on the same level: the middle one rises. */
static struct tree_node *split(struct tree_node *node)
{
    struct tree_node *right = node->right;
    if (right == NULL || level_of(right->right) != node->level)
        return node;
    node->right = right->left;
    right->left = node;
    right->level++;
    return right;
}

struct tree_node *tree_at_most(struct tree_node *root, const struct tree_node *node, tree_before *before)
{
    struct tree_node *found = NULL;
    while (root != NULL)
        if (before(node, root)) {
            root = root->left;
        } else {
            found = root;
            root = root->right;
        }
    return found;
}

struct tree_node *tree_insert(struct tree_node *root, struct tree_node *node, tree_before *before)
{
    if (root == NULL) {
        *node = (struct tree_node){ .level = 1 };
        return node;
    }
    if (before(node, root))
        root->left = tree_insert(root->left, node, before);
    else
        root->right = tree_insert(root->right, node, before);
    return split(skew(root));
}

/* What lost a child may stand too high: it sinks, and what that leaves on one level is put right (Andersson, section 2). */
static struct tree_node *sink(struct tree_node *node)
{
    unsigned least = level_of(node->left) < level_of(node->right) ? level_of(node->left) : level_of(node->right);
    if (least + 1 >= node->level)
        return node;
    node->level = (uint8_t)(least + 1);
    if (level_of(node->right) > node->level)
        node->right->level = node->level;
    node = skew(node);
    if (node->right != NULL)
        node->right = skew(node->right);
    if (node->right != NULL && node->right->right != NULL)
        node->right->right = skew(node->right->right);
    node = split(node);
    if (node->right != NULL)
        node->right = split(node->right);
    return node;
}

struct tree_node *tree_take_first(struct tree_node *root, struct tree_node **first)
{
    if (root->left == NULL) {
        *first = root;
        return root->right;
    }
    root->left = tree_take_first(root->left, first);
    return sink(root);
}
